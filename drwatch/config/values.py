"""The kinds of value that the configuration's keys take. All arrive as the text of the file."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from datetime import date, time, timedelta
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, PlainValidator
from pydantic_core import PydanticCustomError

DAY = 86400.0
LONGEST = 366 * DAY

_DURATION = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,8})s)?(?:([0-9]{1,9})ms)?")
_UNITS = (("d", DAY), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
_HOST = re.compile(r"(?!.{254})[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?")
_NAME = re.compile(r"\w[\w.-]{0,63}")
_UNIX_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,255}")


def refuse(expected: str, remedy: str) -> PydanticCustomError:
    """The error to raise for a value; neither sentence may quote it."""
    return PydanticCustomError("drwatch", "{expected}", {"expected": expected, "remedy": remedy})


class Address(NamedTuple):
    """Where a TCP port is."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def seconds(text: object) -> float:
    """A duration's seconds. Raises ``PydanticCustomError`` for anything that is none."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if found is None:
        raise refuse("expected a duration", "Write it like 500ms, 10s, 5m, 1h30m or 2d")
    total = sum(int(count) * unit for count, (_, unit) in zip(found.groups(), _UNITS, strict=True) if count)
    # Milliseconds are the finest unit; without this, 1s100ms would be 1.1000000000000001.
    return round(total, 3)


def spell(duration: float) -> str:
    """Seconds as the configuration writes them: 5400.0 is ``1h30m``."""
    rest = round(duration * 1000)
    parts = []
    for name, unit in _UNITS:
        count, rest = divmod(rest, round(unit * 1000))
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"


def lasting(shortest: float, longest: float = LONGEST) -> PlainValidator:
    """A duration within bounds, both in seconds and both allowed."""

    def parse(text: object) -> float:
        duration = seconds(text)
        if not shortest <= duration <= longest:
            raise refuse(
                f"expected a duration from {spell(shortest)} to {spell(longest)}", "Choose one between the two"
            )
        return duration

    return PlainValidator(parse)


def time_of_day(text: object) -> time:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text) if isinstance(text, str) else None
    if found is None:
        raise refuse("expected a time of day", "Write it like 03:30, from 00:00 to 23:59")
    return time(int(found[1]), int(found[2]))


def _morning_hour(text: object) -> time:
    found = time_of_day(text)
    if not time(6) <= found <= time(12):
        raise refuse("expected a time from 06:00 to 12:00: tests are sent in the twelve hours after it", "Write 10:00")
    return found


class LocalTime(NamedTuple):
    """A day and a time of some zone's wall clock."""

    day: date
    at: time


class HandOver(NamedTuple):
    """A day of the week (Monday is 0) and a time of some zone's wall clock."""

    day: int
    at: time


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _day(text: object) -> date:
    try:
        if isinstance(text, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise refuse("expected a day", "Write it like 2026-01-05")


def local_time(text: object) -> LocalTime:
    day, _, at = text.partition(" ") if isinstance(text, str) else ("", "", "")
    try:
        return LocalTime(_day(day), time_of_day(at or "00:00"))
    except PydanticCustomError:
        raise refuse("expected a day and a time", "Write it like 2026-12-24 09:00") from None


def last_moment(text: object) -> LocalTime:
    """The same, up to which something lasts: with a day alone, through that day."""
    end = local_time(text)
    whole = isinstance(text, str) and " " not in text
    # The calendar itself ends with a day of which there is no end.
    return LocalTime(end.day + timedelta(days=1), end.at) if whole and end.day < date.max else end


def _hand_over(text: object) -> HandOver:
    day, _, at = text.partition(" ") if isinstance(text, str) else ("", "", "")
    try:
        return HandOver(DAYS.index(day), time_of_day(at))
    except (ValueError, PydanticCustomError):
        raise refuse(
            "expected a day of the week and a time", f"Write it like mon 09:00, with one of {', '.join(DAYS)}"
        ) from None


def _zone(text: object) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(text if isinstance(text, str) else "")
    except (OSError, ValueError, KeyError):
        raise refuse("expected a time zone's IANA name", "Write it like Europe/Oslo or UTC") from None


def _count(text: object) -> int:
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,3}", text) and 2 <= int(text) <= 100:
        return int(text)
    raise refuse("expected a whole number from 2 to 100", "Choose a whole number between the two")


def _share(text: object) -> float:
    try:
        share = float(text) if isinstance(text, str) else -1.0
    except ValueError:
        share = -1.0
    if not 0.0 < share <= 1.0:
        raise refuse("expected a share above 0 and up to 1", "Write half as 0.5")
    return share


def is_host(text: str) -> bool:
    try:
        # A zone (fe80::1%eth0) names an interface of this machine, and the standby is asked to dial the same address.
        return "%" not in str(ipaddress.ip_address(text))
    except ValueError:
        return _HOST.fullmatch(text) is not None


def _host(text: str) -> str:
    if not is_host(text):
        raise refuse("expected a host name or an IP address", "Ports have a key of their own")
    return text


def _port(text: object) -> int:
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536:
        return int(text)
    raise refuse("expected a port from 1 to 65535", "Write a whole number between the two")


def _address(text: object, lowest: int = 1) -> Address:
    host, colon, port = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not is_host(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not lowest <= int(port) < 65536:
        raise refuse("expected host:port", "Write it like gateway.example.no:443, or [2001:db8::1]:443")
    return Address(host, int(port))


def _listen(text: object) -> Address:
    # Port 0 lets the system choose: the lab and the tests need no free port in advance.
    return _address(text, lowest=0)


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise refuse("expected an absolute path", "Start it with /")
    return text


def _socket_directory(text: str) -> str:
    # The kernel takes 107 bytes for a socket's path, and the socket's own name comes after this.
    if len(_absolute(text).encode()) > 90:
        raise refuse("expected a path of at most 90 bytes: a Unix socket lies in it", "Choose a shorter one")
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise refuse("expected a name of up to 64 letters, digits, _ . and -, and no blank", "Choose another name")
    return text


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise refuse(f"expected {what}", "Check the spelling")
        return text

    return AfterValidator(check)


def _filled(text: str) -> str:
    if not text.strip():
        raise refuse("expected some text", "Fill it in, or remove the key")
    return text


Day = Annotated[date, PlainValidator(_day)]
LocalMoment = Annotated[LocalTime, PlainValidator(local_time)]
LastMoment = Annotated[LocalTime, PlainValidator(last_moment)]
Handover = Annotated[HandOver, PlainValidator(_hand_over)]
Zone = Annotated[zoneinfo.ZoneInfo, PlainValidator(_zone)]
TimeOfDay = Annotated[time, PlainValidator(time_of_day)]
MorningHour = Annotated[time, PlainValidator(_morning_hour)]
Count = Annotated[int, PlainValidator(_count)]
Share = Annotated[float, PlainValidator(_share)]
Text = Annotated[str, AfterValidator(_filled)]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, PlainValidator(_port)]
HostPort = Annotated[Address, PlainValidator(_address)]
Listen = Annotated[Address, PlainValidator(_listen)]
FarPath = Annotated[str, AfterValidator(_absolute)]
"""A path on a watched node."""
SocketDirectory = Annotated[str, AfterValidator(_socket_directory)]
Name = Annotated[str, AfterValidator(_name)]
UnixUser = Annotated[str, _matching(_UNIX_USER, "a Unix user's name")]
Unit = Annotated[str, _matching(_UNIT, "a systemd unit's name")]
