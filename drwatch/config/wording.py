"""Pydantic's errors → sentences with a remedy. Its own messages quote values and speak of types."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from drwatch.config import model
from drwatch.config.errors import Location
from drwatch.config.rules import did_you_mean
from drwatch.config.tree import Problem


def problems(errors: list[Any]) -> Iterator[Problem]:
    """One problem per error of a ``ValidationError``."""
    for error in errors:
        at: Location = tuple(part for part in error["loc"] if part != "[key]")
        expected, remedy = _sentence(error["type"], error.get("ctx") or {}, at)
        yield Problem(at, expected, remedy)


def _sentence(kind: str, context: Mapping[str, Any], at: Location) -> tuple[str, str]:
    match kind:
        case "drwatch":
            return str(context["expected"]), str(context["remedy"])
        case "missing":
            return "expected this key, and it is missing or empty", "Add it; docs/configuration.md describes it"
        case "extra_forbidden":
            return "expected a known key", did_you_mean(str(at[-1]), _keys(at[:-1]))
        case "literal_error":
            return f"expected {context['expected']}", "Write one of them"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "expected keys and values", "Indent the keys below it, or write {key: value}"
        case "list_type":
            return "expected a list", "Write [a, b], or one item per line behind a dash"
        case "string_type":
            return "expected text", "Write one value"
        case "too_short":
            return "expected at least one entry", "Add one; docs/configuration.md describes it"
        case _:
            return "expected another kind of value", "Compare with config/drwatch.yaml"


def _keys(at: Location) -> list[str]:
    """The keys that the section at ``at`` knows."""
    kind: Any = model.Document
    for part in at:
        kind = _without_none(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = model.keys(kind).get(str(part))
            kind = None if field is None else field.annotation
        else:
            arguments = typing.get_args(kind)
            kind = arguments[-1] if arguments else None
    kind = _without_none(kind)
    return list(model.keys(kind)) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next(each for each in typing.get_args(kind) if each is not type(None))
    return kind
