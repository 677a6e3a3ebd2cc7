"""What is wrong with a configuration, one line each, and never a value out of it: values may be secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass

Location = tuple[str | int, ...]
"""Keys and list indexes from the top of the file down."""

_PLAIN_KEY = re.compile(r"\w[\w.-]{0,63}")


def key_path(location: Location) -> str:
    """``('escalation', 0, 'to')`` as people write it: ``escalation[0].to``.

    A key that does not look like one is shown as ``?``: ``{password:hunter2}``, a blank short, is a key for YAML.
    """
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += ("." if path else "") + (part if _PLAIN_KEY.fullmatch(part) else "?")
    return path or "(file)"


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One fault: where it stands, what was expected there, and what to do about it (each without the full stop)."""

    file: str
    line: int
    path: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.expected}. {self.remedy}."


class ConfigErrors(Exception):
    """Everything that is wrong with one file, in its order."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = tuple(sorted(set(errors), key=lambda error: (error.line, error.path, error.expected)))
        super().__init__("\n".join(str(error) for error in self.errors))
