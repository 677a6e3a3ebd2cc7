"""HTML that cannot be broken into: everything that is not markup already is escaped."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta", "link", "br", "hr", "input"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: str | None) -> Markup:
    """An element. Children that are plain text are escaped, None is left out; ``class_`` is the class attribute."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*parts: str | None) -> Markup:
    """The parts one after the other, plain text escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts if part is not None))
