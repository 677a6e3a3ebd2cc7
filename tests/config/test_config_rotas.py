"""Rotas, quiet hours and the address for phones: what they come to, and what a wrong one says."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from config_machine import Machine

from drwatch.config import ConfigErrors
from drwatch.core.rota import Override, Person, Quiet

GOOD = """
  channels:
    anna-phone: {url: json://127.0.0.1/a, quiet: {from: "22:00", to: "07:00"}}
    bo-phone: {url: json://127.0.0.1/b, quiet: {from: "22:00", to: "07:00", zone: America/New_York}}
    bo-sms: {url: json://127.0.0.1/c}
  rotas:
    oncall:
      people: {anna: [anna-phone], bo: [bo-phone, bo-sms]}
      handover: mon 09:00
      from: 2026-01-05
      order: [bo, anna]
      overrides: [{from: 2026-12-24 09:00, to: 2026-12-27, who: bo}]
  escalation: [{to: [oncall], remind: 2m}]
  acknowledged: 30m
"""
TAIL = "zone: Europe/Oslo\nweb: {public_url: https://drwatch.example.no/on/}\n"
OSLO = ZoneInfo("Europe/Oslo")


def text(paging: str = GOOD, tail: str = TAIL) -> str:
    return (
        "clusters:\n  shop:\n    nodes:\n"
        "      oslo-a: {role: primary, mysql: {host: 10.0.0.1, password_file: /etc/drwatch/mysql.pw}}\n"
        "      oslo-b: {role: standby, mysql: {host: 10.0.0.2, password_file: /etc/drwatch/mysql.pw}}\n"
        f"paging:{paging}{tail}"
    )


def test_a_rota_and_quiet_hours_are_what_the_file_says(machine: Machine) -> None:
    config = machine.load(text())
    paging = config.policy.paging
    (rota,) = paging.rotas
    assert rota.people == (Person("anna", ("anna-phone",)), Person("bo", ("bo-phone", "bo-sms")))
    assert (rota.order, rota.day, rota.at, rota.since, rota.zone) == (
        ("bo", "anna"), 0, time(9), date(2026, 1, 5), OSLO,
    )  # fmt: skip
    through_the_27th = (datetime(2026, 12, 24, 8, tzinfo=UTC), datetime(2026, 12, 27, 23, tzinfo=UTC))
    assert rota.overrides == (Override(*through_the_27th, "bo"),)
    assert paging.quiet == {
        "anna-phone": Quiet(time(22), time(7), OSLO),
        "bo-phone": Quiet(time(22), time(7), ZoneInfo("America/New_York")),
    }
    assert (paging.escalation[0].to, paging.escalation[0].remind, paging.acknowledged) == (("oncall",), 120.0, 1800.0)
    assert config.public_url == "https://drwatch.example.no/on"


@pytest.mark.parametrize(
    ("dates", "begins", "ends"),
    [
        ("from: 2026-12-24, to: 2026-12-24", (23, 23), (24, 23)),
        ("from: 2026-12-24, to: 2026-12-27", (23, 23), (27, 23)),
        ("from: 2026-12-24, to: 2026-12-27 00:00", (23, 23), (26, 23)),
    ],
)
def test_who_stands_in_by_days_does_so_from_the_first_through_the_last(
    machine: Machine, dates: str, begins: tuple[int, int], ends: tuple[int, int]
) -> None:
    """In Oslo, an hour before UTC."""
    (rota,) = machine.load(text().replace("from: 2026-12-24 09:00, to: 2026-12-27", dates)).policy.paging.rotas
    (override,) = rota.overrides
    since, until = (datetime(2026, 12, *when, tzinfo=UTC) for when in (begins, ends))
    assert (override.begins, override.ends) == (since, until)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("order: [bo, anna]", "order: [bo, ann]", "oncall.order[1]: expected somebody whom people names. Perhaps anna"),
        ("who: bo}]", "who: cy}]", "[0].who: expected somebody whom people names. Use one of anna, bo."),
        ("to: 2026-12-27,", "to: 2026-12-23,", "overrides[0].to: expected a time after from."),
        ("to: 2026-12-27,", "to: 2026-12-24 09:00,", "overrides[0].to: expected a time after from."),
        ("to: 2026-12-27,", "to: christmas,", "[0].to: expected a day and a time. Write it like 2026-12-24 09:00."),
        ("mon 09:00", "Monday 09:00", "handover: expected a day of the week and a time. Write it like mon 09:00, with"),
        ("mon 09:00", "mon 25:00", "handover: expected a day of the week and a time."),
        ("from: 2026-01-05", "from: 2026-02-30", "rotas.oncall.from: expected a day. Write it like 2026-01-05."),
        ("[bo-phone, bo-sms]", "[bo-phone, bo-sm]", "bo[1]: expected a channel that paging.channels defines. Perhaps"),
        ("    oncall:", "    bo-sms:", "paging.rotas.bo-sms: expected a name of its own, and a channel is called so."),
        ("to: [oncall]", "to: [onkall]", ".to[0]: expected a channel that paging.channels defines. Perhaps oncall"),
        ("America/New_York", "America/Oslo", "bo-phone.quiet.zone: expected a time zone's IANA name."),
        ('from: "22:00", to: "07:00"}', 'from: "22:00"}', "anna-phone.quiet.to: expected this key, and it is missing"),
        ('to: "07:00"}', 'to: "22:00"}', "anna-phone.quiet.to: expected another time than from: these hours"),
        ("remind: 2m", "remind: 2s", "escalation[0].remind: expected a duration from 1m"),
        ("https://drwatch", "ftp://drwatch", "web.public_url: expected a web address."),
        ("https://drwatch", "https://a:b@drwatch", "web.public_url: expected a web address without ?, # and @."),
    ],
)  # fmt: skip
def test_a_wrong_one_is_a_sentence_with_its_line(machine: Machine, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        machine.load(text().replace(old, new, 1))
    assert words in str(wrong.value), str(wrong.value)


@pytest.mark.parametrize(
    ("url", "noticed"),
    [("http://drwatch.example.no", True), ("https://drwatch.example.no", False), ("http://127.0.0.1:9633", False)],
)
def test_links_that_go_over_the_network_in_the_clear_are_noticed(machine: Machine, url: str, noticed: bool) -> None:
    notices = machine.load(text().replace("https://drwatch.example.no/on/", url)).notices
    assert any("web.public_url is http" in notice for notice in notices) is noticed


def test_a_channel_of_somebody_on_a_rota_that_no_step_names_wakes_nobody(machine: Machine) -> None:
    with pytest.raises(ConfigErrors, match="bo-sms: expected a channel that somebody is paged through"):
        machine.load(text().replace("to: [oncall]", "to: [anna-phone, bo-phone]"))
