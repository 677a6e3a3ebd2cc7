"""The file that a human writes → the core's policy and the settings of probes and channels, read once.

``load`` is the door; whatever is wrong with the file comes out of it as one ``ConfigErrors``, never as anything else.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from drwatch.config import build, model, rules, tree, wording
from drwatch.config.errors import ConfigError, ConfigErrors, Location, key_path
from drwatch.config.secrets import Secret, Surroundings
from drwatch.config.settings import (
    AlertmanagerSettings,
    Config,
    JobToken,
    Log,
    MysqlSettings,
    NodeSettings,
    Pace,
    SshSettings,
    Tls,
    TlsMode,
)
from drwatch.config.values import Address

__all__ = [
    "Address",
    "AlertmanagerSettings",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "JobToken",
    "Location",
    "Log",
    "MysqlSettings",
    "NodeSettings",
    "Pace",
    "Secret",
    "Source",
    "SshSettings",
    "Tls",
    "TlsMode",
    "load",
]

_LARGEST = 1 << 20
"""Bytes. A pair's configuration has about two thousand."""


def load(path: Path, env: Mapping[str, str], *, root: Path = Path("/"), look: bool = True) -> Config:
    """Read and check the file; raises ``ConfigErrors`` with everything that is wrong at once.

    ``env`` fills ``${NAME}`` and finds systemd's credentials. ``root`` is put before absolute paths of this machine
    (to check the configuration of an image). ``look=False`` leaves every other file and the environment alone, for
    the commands that help to create them; secrets then come back empty.
    """
    text, open_to_others = _read(path)
    found = tree.read(text)
    around = Surroundings(env, root, path.absolute().parent, look, open_to_others)
    problems: list[tree.Problem] = []
    document: model.Document | None = None
    zone = "UTC"
    if found.usable:
        try:
            document = model.Document.model_validate(found.data, context=around)
        except ValidationError as error:
            problems += wording.problems(error.errors(include_url=False, include_input=False))
        problems += rules.problems(found.data)
        zone, zone_problems = _zone(found.data, root)
        problems += zone_problems
    problems = [*found.problems, *(problem for problem in problems if problem.at not in found.refused)]
    if problems or document is None:
        raise ConfigErrors([_error(path, found, problem) for problem in problems])
    return build.config(document, zone)


class Source:
    """Where each key of the file stands, for what only others than this room can tell of it. Raises ConfigErrors."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tree = tree.read(_read(path)[0])

    def first(self, *places: Location) -> Location:
        """The first of these keys that is set; the last, in a file that has changed meanwhile."""
        return next((at for at in places if rules.value(self._tree.data, *at) is not None), places[-1])

    def error(self, at: Location, expected: str, remedy: str) -> ConfigError:
        return _error(self._path, self._tree, tree.Problem(at, expected, remedy))


def _read(path: Path) -> tuple[str, bool]:
    """The file's text, and whether others than its owner and group can read it."""
    try:
        if path.is_dir():
            raise _refusal(
                path, "expected a file, and this is a directory", "Name the file in it, such as drwatch.yaml"
            )
        if not path.is_file():
            raise FileNotFoundError
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        open_to_others = bool(path.stat().st_mode & 0o004)
    except FileNotFoundError:
        raise _refusal(
            path, "expected a file, and there is none", "Create it from config/minimal.yaml, or name another file"
        ) from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise _refusal(
            path,
            f"expected a readable file, and opening it says: {reason}",
            "Run as the user that runs drwatch, or let that user's group read it",
        ) from None
    if len(content) > _LARGEST:
        raise _refusal(path, "expected a file of at most 1 MB", "Check that this is drwatch's configuration")
    try:
        return content.decode(), open_to_others
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(path, "expected UTF-8 text", "Save the file as UTF-8", line) from None


def _refusal(path: Path, expected: str, remedy: str, line: int = 1) -> ConfigErrors:
    return ConfigErrors([ConfigError(_printable(path), line, key_path(()), expected, remedy)])


def _error(path: Path, found: tree.Tree, problem: tree.Problem) -> ConfigError:
    line = found.line_of(problem.at) if problem.line is None else problem.line
    return ConfigError(_printable(path), line, key_path(problem.at), problem.expected, problem.remedy)


def _printable(path: Path) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))


def _zone(data: tree.Data, root: Path) -> tuple[str, list[tree.Problem]]:
    """The IANA name behind the key ``zone``."""
    name = (data.get("zone") if isinstance(data, dict) else None) or "UTC"
    if not isinstance(name, str):
        return "UTC", []
    if name == "system":
        # A link into the zoneinfo tree is what Debian, systemd and glibc agree on; a copied file has no name.
        link = root / "etc/localtime"
        _, found, name = (str(link.readlink()) if link.is_symlink() else "").rpartition("zoneinfo/")
        if not found:
            return "UTC", [
                tree.Problem(
                    ("zone",),
                    "expected /etc/localtime to be a link that names the zone",
                    "Run timedatectl set-timezone, or write the zone's name here",
                )
            ]
    try:
        return zoneinfo.ZoneInfo(name).key, []
    except (OSError, ValueError, KeyError):
        expected, remedy = "expected a time zone's IANA name", "Write it like Europe/Oslo, UTC or system"
        if not zoneinfo.available_timezones():
            expected, remedy = "expected time zones on this machine, and it knows none", "Install the package tzdata"
        return "UTC", [tree.Problem(("zone",), expected, remedy)]
