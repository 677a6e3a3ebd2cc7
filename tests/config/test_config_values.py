"""Durations and addresses, as they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from drwatch.config.values import Address, is_host, seconds, spell


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500ms", 0.5), ("10s", 10.0), ("5m", 300.0), ("1h30m", 5400.0), ("2d", 172800.0), ("1s100ms", 1.1), ("0s", 0.0)],
)
def test_a_duration_is_read_as_it_is_meant(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "m", "-5m", "+5m", "1.5h", "5M", "30m1h", "5m5m", "٥m", "1e3s", None, 5]
)
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        seconds(text)


@given(st.integers(min_value=0, max_value=366 * 86_400_000))
def test_a_duration_survives_being_written_and_read(milliseconds: int) -> None:
    assert seconds(spell(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(
    "text", ["db", "db.example.no", "10.0.0.1", "2001:db8::1", "db_1", "xn--blbr-roah.no", "a." * 9]
)
def test_a_host_is_a_name_or_an_address(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "db:3306", "-db", "a..b", "x" * 64, "a." * 130, "db;rm", "$(id)", "ø.no", "fe80::1%eth0"]
)
def test_anything_else_is_no_host(text: str) -> None:
    assert not is_host(text)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert str(Address("2001:db8::1", 3306)) == "[2001:db8::1]:3306"
    assert Address("::1", 1).is_loopback
    assert Address("127.9.9.9", 1).is_loopback
    assert not Address("10.0.0.1", 1).is_loopback


def test_brackets_are_read_too(machine, pair) -> None:
    config = machine.load(pair.replace("gateway.example.no:443", '"[2001:db8::1]:443"'))
    assert config.anchors == (Address("2001:db8::1", 443),)


def test_the_system_may_choose_the_port_to_listen_on(machine, pair) -> None:
    assert machine.load(pair + "web: {listen: 127.0.0.1:0}\n").listen == Address("127.0.0.1", 0)
