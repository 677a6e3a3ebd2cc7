"""What no single key can tell: rules over several keys.

They read the plain data and shrug at whatever has the wrong shape, because the schema reports that at the same time:
a bad duration in one place hides no second primary in another.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Callable, Iterable, Iterator

from pydantic_core import PydanticCustomError

from drwatch.config import model, values
from drwatch.config.errors import Location, key_path
from drwatch.config.tree import Data, Problem
from drwatch.core.finding import Condition
from drwatch.core.policy import ENDPOINT, LONGEST_SILENCE

DAY = 86400.0
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_FEW = 12
"""So many words still make a readable line."""


def problems(data: Data) -> Iterator[Problem]:
    """Every broken rule of the file's data."""
    seen: dict[str, Location] = {}
    for name in _mapping(data, "clusters"):
        at: Location = ("clusters", name)
        yield from _roles(data, at)
        yield from _servers(data, at, seen)
        yield from _files(data, at)
        yield from _endpoint(data, at)
        for job in _mapping(data, *at, "jobs"):
            yield from _one_source(data, (*at, "jobs", job), ("token_file", "credential", "token"))
    yield from _paging(data)
    yield from _maintenance(data)
    if isinstance(value(data, "heartbeat"), dict):
        yield from _one_source(data, ("heartbeat",), ("url", "url_file", "credential"))
    yield from _staleness(data)


def did_you_mean(word: str, known: list[str]) -> str:
    """The remedy for a word that is none of ``known``."""
    by_lower = {name.lower(): key_path((name,)) for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    if near:
        return f"Perhaps {by_lower[near[0]]} was meant"
    if not 0 < len(known) <= _FEW:
        return "Remove it, or find the right one in docs/configuration.md"
    return f"Use one of {', '.join(by_lower.values())}"


def value(data: Data, *at: str | int) -> Data:
    """What stands there; None where nothing does."""
    for part in at:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _mapping(data: Data, *at: str | int) -> dict[str, Data]:
    found = value(data, *at)
    return found if isinstance(found, dict) else {}


def _list(data: Data, *at: str | int) -> list[Data]:
    found = value(data, *at)
    return found if isinstance(found, list) else []


def _roles(data: Data, at: Location) -> Iterator[Problem]:
    nodes = _mapping(data, *at, "nodes")
    roles = [(name, value(nodes, name, "role")) for name in nodes]
    primaries = [name for name, role in roles if role == "primary"]
    for extra in primaries[1:]:
        yield Problem(
            (*at, "nodes", extra, "role"),
            "expected one primary, and an earlier node of this cluster is it",
            "Write role: standby, or give the pair a cluster of its own",
        )
    if nodes and not primaries and all(role == "standby" for _, role in roles):
        yield Problem((*at, "nodes"), "expected a primary, and there are only standbys", "Give one role: primary")


def _servers(data: Data, at: Location, seen: dict[str, Location]) -> Iterator[Problem]:
    for name in _mapping(data, *at, "nodes"):
        mysql = _mapping(data, *at, "nodes", name, "mysql")
        place: Location = (*at, "nodes", name, "mysql")
        if mysql:
            yield from _one_source(data, place, ("password_file", "credential", "password"))
        if value(mysql, "tls", "ca") is not None and value(mysql, "tls", "mode") in (None, "off", "required"):
            yield Problem(
                (*place, "tls", "ca"),
                "expected no CA in a mode that verifies nothing",
                "Write mode: verify-ca or verify-identity, or remove it",
            )
        host, port = mysql.get("host"), mysql.get("port") or "3306"
        if not isinstance(host, str) or not isinstance(port, str):
            continue
        address = f"{host.lower()} {port.lstrip('0')}"
        if address in seen:
            yield Problem(
                (*place, "host"),
                "expected an address of its own, and another node has this host and port",
                "Correct one of the two",
            )
        seen[address] = place


def _one_source(data: Data, at: Location, keys: tuple[str, ...]) -> Iterator[Problem]:
    given = [key for key in keys if value(data, *at, key) is not None]
    if len(given) != 1:
        yield Problem(
            at if not given else (*at, given[1]),
            f"expected exactly one of {', '.join(keys)}",
            f"Add {keys[0]}" if not given else "Remove all but one",
        )


def _files(data: Data, at: Location) -> Iterator[Problem]:
    nodes = _mapping(data, *at, "nodes")
    standbys = [name for name in nodes if value(nodes, name, "role") == "standby"]
    for name in _mapping(data, *at, "files"):
        place: Location = (*at, "files", name)
        path, marker = value(data, *place, "path"), value(data, *place, "marker")
        if isinstance(path, str) and isinstance(marker, str) and _inside(marker, path):
            yield Problem(
                (*place, "marker"),
                "expected a place outside the synced tree: rsync --delete would remove the marker",
                "Put it beside the tree, like /var/lib/drwatch-sync/NAME",
            )
        if standbys and not any(value(nodes, standby, "ssh") is not None for standby in standbys):
            yield Problem(
                place,
                "expected ssh on a standby: the marker is read there",
                "Add ssh: {host: …} to the standby, or remove the file set",
            )


def _inside(marker: str, path: str) -> bool:
    # normpath keeps two leading slashes.
    tree = "/" + posixpath.normpath(path).strip("/")
    place = "/" + posixpath.normpath(marker).strip("/")
    return path.startswith("/") and (place == tree or place.startswith(tree.rstrip("/") + "/"))


def _endpoint(data: Data, at: Location) -> Iterator[Problem]:
    if _mapping(data, *at, "endpoint"):
        yield from _one_source(data, (*at, "endpoint"), ("mysql", "dns", "http"))
    if ENDPOINT in _mapping(data, *at, "nodes"):
        yield Problem(
            (*at, "nodes", ENDPOINT),
            "expected another name: this one stands for the application's endpoint in metrics and pages",
            "Call the node by its host's name",
        )


def _paging(data: Data) -> Iterator[Problem]:
    channels = _mapping(data, "paging", "channels")
    for name in channels:
        place: Location = ("paging", "channels", name)
        if isinstance(channels[name], dict):
            yield from _one_source(data, place, ("url_file", "url", "credential", "alertmanager"))
            yield from _alertmanager(data, place)
            yield from _quiet(data, (*place, "quiet"))
    steps = _list(data, "paging", "escalation")
    rotas = _mapping(data, "paging", "rotas")
    for name in rotas:
        yield from _rota(data, ("paging", "rotas", name), channels)
    names = {**channels, **rotas}
    paged: set[str] = set()
    latest = 0.0
    for number in range(len(steps)):
        at: Location = ("paging", "escalation", number)
        for index, channel in enumerate(_list(data, *at, "to")):
            if not isinstance(channel, str):
                continue
            yield from _defined(channel, names, (*at, "to", index))
            paged |= {channel, *_of_rota(data, channel)}
        after = _duration(data, *at, "after")
        if after is not None and after < latest:
            yield Problem((*at, "after"), "expected the steps in the order of their time", "Sort them by after")
        latest = max(latest, after or 0.0)
    for index, channel in enumerate(_list(data, "paging", "digest", "to")):
        if isinstance(channel, str):
            yield from _defined(channel, names, ("paging", "digest", "to", index))
            paged |= {channel, *_of_rota(data, channel)}
    # A slip of the pen in a step is told of above: whom it leaves unpaged is no second mistake.
    read = paged <= set(names) and all(isinstance(value(step, "to"), list) for step in steps)
    for name in channels:
        if steps and read and name not in paged:
            yield Problem(
                ("paging", "channels", name),
                "expected a channel that somebody is paged through, and no escalation step names it",
                "Add it to paging.escalation, or remove it",
            )
    known = [*model.Confirm.model_fields, *(str(condition) for condition in Condition)]
    for key in _mapping(data, "paging", "confirm"):
        if key not in known:
            yield Problem(
                ("paging", "confirm", key), "expected a known key or a condition's name", did_you_mean(key, known)
            )


def _alertmanager(data: Data, place: Location) -> Iterator[Problem]:
    given = _mapping(data, *place)
    engine = given.get("alertmanager") is not None
    for key in ("user", "password_file", "token_file", "ca"):
        if given.get(key) is not None and not engine:
            yield Problem((*place, key), "expected this beside alertmanager alone", "Remove it, or put it into the URL")
    if engine and given.get("format") == "short":
        yield Problem((*place, "format"), "expected no short form: an alert has a summary of its own", "Remove it")
    if engine and given.get("redact") in (True, "true"):
        yield Problem((*place, "redact"), "expected no redaction: an alert's labels name its subject", "Remove it")
    if (given.get("user") is None) != (given.get("password_file") is None):
        yield Problem(place, "expected user and password_file together", "Add the other, or remove both")
    elif given.get("user") is not None and given.get("token_file") is not None:
        yield Problem((*place, "token_file"), "expected one way to log in", "Remove it, or user and password_file")


def _quiet(data: Data, at: Location) -> Iterator[Problem]:
    hours = _mapping(data, *at)
    if hours.get("from") is not None and hours.get("from") == hours.get("to"):
        remedy = "Correct one of the two, or remove quiet"
        yield Problem((*at, "to"), "expected another time than from: these hours would be none", remedy)


def _defined(channel: str, known: dict[str, Data], at: Location) -> Iterator[Problem]:
    if channel not in known:
        remedy = did_you_mean(channel, list(known)) if known else "Define it there"
        yield Problem(at, "expected a channel that paging.channels defines", remedy)


def _of_rota(data: Data, name: str) -> Iterator[str]:
    """The channels that somebody on this rota is woken through."""
    for person in _mapping(data, "paging", "rotas", name, "people"):
        channels = _list(data, "paging", "rotas", name, "people", person)
        yield from (channel for channel in channels if isinstance(channel, str))


def _rota(data: Data, at: Location, channels: dict[str, Data]) -> Iterator[Problem]:
    name = at[-1]
    if name in channels:
        yield Problem(at, "expected a name of its own, and a channel is called so", "Call the rota otherwise")
    people = _mapping(data, *at, "people")
    for person in people:
        for index, channel in enumerate(_list(data, *at, "people", person)):
            if isinstance(channel, str):
                yield from _defined(channel, channels, (*at, "people", person, index))
    named: list[Location] = [(*at, "order", index) for index in range(len(_list(data, *at, "order")))]
    for index in range(len(_list(data, *at, "overrides"))):
        place: Location = (*at, "overrides", index)
        named.append((*place, "who"))
        begins, ends = _local(data, values.local_time, *place, "from"), _local(data, values.last_moment, *place, "to")
        if begins is not None and ends is not None and ends <= begins:
            yield Problem((*place, "to"), "expected a time after from", "Correct one of the two")
    for place in named:
        who = value(data, *place)
        if isinstance(who, str) and people and who not in people:
            yield Problem(place, "expected somebody whom people names", did_you_mean(who, list(people)))


def _local(data: Data, read: Callable[[object], values.LocalTime], *at: str | int) -> values.LocalTime | None:
    try:
        return read(value(data, *at))
    except PydanticCustomError:
        return None


def _maintenance(data: Data) -> Iterator[Problem]:
    clusters, windows = list(_mapping(data, "clusters")), len(_list(data, "maintenance"))
    for number in range(windows):
        cluster = value(data, "maintenance", number, "cluster")
        if isinstance(cluster, str) and cluster and cluster not in clusters:
            yield Problem(
                ("maintenance", number, "cluster"),
                "expected a cluster that is watched",
                did_you_mean(cluster, clusters),
            )
    for name in clusters:
        mine = [number for number in range(windows) if value(data, "maintenance", number, "cluster") == name]
        if _longest(span for number in mine for span in _spans(data, "maintenance", number)) > LONGEST_SILENCE:
            yield Problem(
                ("maintenance", mine[-1]),
                f"expected windows that together leave {name} watched for an hour at least once in 72h",
                "Make them shorter, or fewer",
            )


def _spans(data: Data, *at: str | int) -> Iterator[tuple[float, float]]:
    """From when to when a maintenance window is open, in seconds of the week; none where it has another mistake."""
    lasts = _duration(data, *at, "for")
    try:
        opens = values.time_of_day(value(data, *at, "at"))
    except PydanticCustomError:
        return
    days = _list(data, *at, "days") or DAYS
    for day in DAYS:
        if lasts is not None and day in days:
            began = DAYS.index(day) * DAY + opens.hour * 3600.0 + opens.minute * 60.0
            yield began, began + lasts


def _longest(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds for which the week's spans are open at a stretch, however often that week comes round.

    An hour between two may be gone when the clocks go forward.
    """
    spans, longest, began, ends = sorted(spans), 0.0, 0.0, 0.0
    for week in range(2):
        for start, end in ((start + week * 7 * DAY, end + week * 7 * DAY) for start, end in spans):
            began = began if start - ends < 3600.0 and ends else start
            ends = max(ends, end)
            longest = max(longest, ends - began)
    return longest


def _duration(data: Data, *at: str | int) -> float | None:
    try:
        return values.seconds(value(data, *at))
    except PydanticCustomError:
        return None


def _staleness(data: Data) -> Iterator[Problem]:
    limit = _duration(data, "limits", "stale_sample") or model.Limits().stale_sample
    defaults = model.Probes()
    for name, pace in (("mysql", defaults.mysql), ("replication", defaults.replication), ("host", defaults.host)):
        every = _duration(data, "probes", name, "every") or pace.every
        deadline = _duration(data, "probes", name, "deadline") or pace.deadline
        if every + deadline > limit:
            yield Problem(
                ("probes", name),
                "expected every + deadline within limits.stale_sample, or its facts go stale between two looks",
                f"Look more often, or raise limits.stale_sample (now {values.spell(limit)})",
            )
