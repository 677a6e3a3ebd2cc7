"""The time zone that pages print."""

import zoneinfo
from collections.abc import Iterator

import pytest


def test_the_system_s_zone_is_what_localtime_points_at(machine, pair) -> None:
    (machine.root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Oslo")
    assert machine.load(pair + "zone: system\n").policy.zone == "Europe/Oslo"


def test_a_system_without_a_named_zone_is_told_so(machine, pair) -> None:
    assert machine.errors(pair + "zone: system\n") == [
        "20: zone: expected /etc/localtime to be a link that names the zone."
        " Run timedatectl set-timezone, or write the zone's name here."
    ]


@pytest.fixture
def no_zones() -> Iterator[None]:
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


def test_a_machine_without_time_zones_is_told_what_to_install(machine, pair, no_zones) -> None:
    """Debian's slim images have none, and without this even UTC would end the daemon with a traceback."""
    assert machine.errors(pair) == [
        "1: zone: expected time zones on this machine, and it knows none. Install the package tzdata."
    ]
