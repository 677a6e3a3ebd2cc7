"""The core's values as plain JSON and back, by their annotations: a field that is added there needs nothing here."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.sample import Moment

Place = Callable[[Moment], Moment]
"""Puts a moment of an earlier run on the present run's clock."""

_GTIDS: dict[str, type[GtidSet | GtidPosition]] = {"GtidSet": GtidSet, "GtidPosition": GtidPosition}
_CLASS = "is"
_AS_IT_IS = frozenset({types.NoneType, bool, int, float, str})


class PlainError(ValueError):
    """What was written is no such value: another version wrote it, or it is damaged."""


def plain(value: Any) -> Any:
    """The value as json.dumps takes it."""
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case Moment():
            return [value.loop, value.wall.isoformat()]
        case datetime():
            return value.isoformat()
        case GtidSet() | GtidPosition():
            return {_CLASS: type(value).__name__, "text": str(value)}
        case tuple() | frozenset():
            return [plain(held) for held in value]
        case dict() | types.MappingProxyType():
            return [[plain(key), plain(held)] for key, held in value.items()]
    kind: Any = type(value)
    held = ((name, getattr(value, name)) for name in _names(kind))
    return {_CLASS: kind.__name__, **{name: each if type(each) in _AS_IT_IS else plain(each) for name, each in held}}


def value_of(kind: Any, text: Any, place: Place) -> Any:
    """A value of that annotation; raises PlainError."""
    try:
        return _value(kind, text, place)
    except (KeyError, ValueError, TypeError, AttributeError, StopIteration) as error:
        raise PlainError(f"{kind}: {error!r}") from error


def _value(kind: Any, text: Any, place: Place) -> Any:
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _one_of(inside, text, place)
    if kind is Moment:
        return place(Moment(float(text[0]), datetime.fromisoformat(text[1])))
    if kind is datetime:
        return datetime.fromisoformat(text)
    if origin is tuple:
        each = inside[:1] * len(text) if inside[-1] is Ellipsis else inside
        return tuple(_value(part, held, place) for part, held in zip(each, text, strict=True))
    if origin is frozenset:
        return frozenset(_value(inside[0], held, place) for held in text)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        made = {_value(inside[0], key, place): _value(inside[1], held, place) for key, held in text}
        return types.MappingProxyType(made)
    if dataclasses.is_dataclass(kind):
        return _gtids(text) if kind in _GTIDS.values() else _fields(kind, text, place)
    if issubclass(kind, tuple):
        hints = _hints(kind).values()
        return kind(*(_value(hint, held, place) for hint, held in zip(hints, text, strict=False)))
    return kind(text)


def _one_of(kinds: tuple[Any, ...], text: Any, place: Place) -> Any:
    if text is None:
        return None
    if isinstance(text, dict):
        return _value(next(kind for kind in kinds if kind.__name__ == text[_CLASS]), text, place)
    return _value(next(kind for kind in kinds if kind is not types.NoneType), text, place)


def _gtids(text: Any) -> GtidSet | GtidPosition:
    return _GTIDS[text[_CLASS]].parse(text["text"])


def _fields(kind: Any, text: Any, place: Place) -> Any:
    hints = _hints(kind)
    return kind(**{name: _value(hints[name], held, place) for name, held in text.items() if name in hints})


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
