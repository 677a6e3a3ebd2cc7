"""The words of a page as a user would have them: jinja2 templates over plain text, and the built-in words behind them.

A template here cannot run for ever or grow without end: what could is refused when it is read. It has no assignments,
macros, calls, ranges or nested loops; it loops over the given lists only, and each filter's result is bounded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from drwatch.core.assessment import Assessment
from drwatch.core.glance import FIRST_GLANCE, SMS, gsm, septets
from drwatch.core.message import Message, facts, write
from drwatch.core.paging import Page
from drwatch.core.policy import Paging, Templates

log = logging.getLogger("drwatch")

LONGEST: Final = 8_000
"""Characters of a template."""

MOST: Final = 20_000
"""Characters of what a filter or a template makes; the longest built-in body has about 6,000."""

LISTS: Final = frozenset({"evidence"})
"""What a template may loop over."""

_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.Filter,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Concat, nodes.Getattr,
)  # fmt: skip


class Refused(ValueError):
    """A template that cannot be used; the text goes on from "this one", and has no full stop."""


def _bounded(text: str) -> str:
    if len(text) > MOST:
        raise Refused(f"makes more than {MOST} characters")
    return text


def _join(parts: Any, between: str = "") -> str:
    if isinstance(parts, str):
        raise Refused("joins the letters of a text: join is for lists")
    found = [str(part) for part in parts]
    if sum(map(len, found)) + len(between) * len(found) > MOST:
        raise Refused(f"makes more than {MOST} characters")
    return str(between).join(found)


def _replace(text: str, old: str, new: str) -> str:
    text = str(text)
    if len(text) + (text.count(old) if old else len(text) + 1) * len(new) > MOST:
        raise Refused(f"makes more than {MOST} characters")
    return text.replace(old, new)


def _cut(text: str, length: int) -> str:
    return str(text)[: int(length)]


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "upper": lambda text: _bounded(str(text)).upper(),
    "lower": lambda text: _bounded(str(text)).lower(),
    "capitalize": lambda text: _bounded(str(text)).capitalize(),
    "trim": lambda text: str(text).strip(),
    "length": len,
    "first": lambda parts: parts[0] if parts else "",
    "join": _join,
    "replace": _replace,
    "truncate": _cut,
    "default": lambda given, other="": given or other,
}


def _environment() -> Environment:
    made = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
    made.filters.clear()
    made.filters.update(FILTERS)
    made.tests.clear()
    made.globals.clear()
    return made


_HERE: Final = _environment()


def compiled(source: str) -> Template:
    """The template; raises Refused for one that is wrong, or could run for ever."""
    if len(source) > LONGEST:
        raise Refused(f"is longer than {LONGEST} characters")
    try:
        tree = _HERE.parse(source)
        for wrong in _strange(tree):
            raise Refused(wrong)
        return _HERE.from_string(source)
    except Refused:
        raise
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise Refused(f"cannot be read{f' in line {line}' if line else ''}: {_said(error)}") from None
    except (RecursionError, SyntaxError):  # of the Python that it is made into: that has a bound of its own
        raise Refused("is nested too deep") from None
    except ValueError as error:  # of a number with thousands of digits
        raise Refused(f"cannot be understood: {error}") from None


def _said(error: TemplateError) -> str:
    return str(error.message).rstrip(".")


def _strange(tree: nodes.Node, looping: bool = False) -> Iterator[str]:
    """What stands in it that a template of drwatch may not have."""
    for node in tree.iter_child_nodes():
        where = f"in line {node.lineno}"
        loops = isinstance(node, nodes.For)
        if not isinstance(node, _ALLOWED):
            yield f"has {type(node).__name__} {where}: only values, if, for and a few filters are understood"
        elif isinstance(node, nodes.For) and (looping or node.recursive or not _over_a_list(node)):
            yield f"loops {where} over something else than {' or '.join(sorted(LISTS))}, or within a loop"
        elif isinstance(node, nodes.Getattr) and not (isinstance(node.node, nodes.Name) and node.node.name == "loop"):
            yield f"has .{node.attr} {where}: the values are plain text"
        yield from _strange(node, looping or loops)


def _over_a_list(node: nodes.For) -> bool:
    return isinstance(node.iter, nodes.Name) and node.iter.name in LISTS


def rendered(template: Template, values: Mapping[str, Any]) -> str:
    """The text; raises Refused for whatever goes wrong in it."""
    parts: list[str] = []
    try:
        for part in template.generate(values):
            parts.append(part)
            _bounded("".join(parts[-1:]))
            if sum(map(len, parts)) > MOST:
                raise Refused(f"makes more than {MOST} characters")
    except TemplateError as error:
        raise Refused(f"cannot be filled in: {_said(error)}") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise Refused(str(error) if isinstance(error, Refused) else f"fails: {error}") from None
    text = "".join(parts).strip()
    if not text:
        raise Refused("makes nothing")
    return text


class Words:
    """What each channel is told of an event; a template that fails gives the built-in words, and is said once."""

    def __init__(self, paging: Paging, zone: tzinfo) -> None:
        """Never raises: a template that cannot be read is said in the log."""
        self._paging, self._zone = paging, zone
        self._said: set[tuple[str, str]] = set()
        self._read: dict[tuple[str, str], Template] = {}
        for channel, mine in paging.templates.items():
            for part, source in _given(mine):
                try:
                    self._read[channel, part] = compiled(source)
                except Refused as why:
                    self._say(channel, part, why)

    def write(self, page: Page, assessment: Assessment, channel: str) -> Message:
        private = channel in self._paging.private
        message = write(page, assessment, self._zone, private)
        mine = {part: template for (name, part), template in self._read.items() if name == channel}
        values = facts(page, assessment, self._zone, message, private) if mine else {}
        for part, template in mine.items():
            try:
                message = replace(message, **{part: fitting(part, rendered(template, values), page.event)})
            except Refused as why:
                self._say(channel, part, why)
        return message

    def _say(self, channel: str, part: str, why: Refused) -> None:
        if (channel, part) not in self._said:
            self._said.add((channel, part))
            log.error(
                "the template of the %s for %s %s: drwatch's own words are sent instead",
                part,
                channel,
                why,
                extra={"event": "template", "channel": channel},
            )


def fitting(part: str, text: str, event: str) -> str:
    """The text as it can be sent, with the event's id in it; raises Refused where it is too long for that."""
    if part == "body":
        return text
    line = " ".join(text.split())
    if event not in line:
        line = f"{line} [{event}]"
    if part == "title" and len(line) > 2 * FIRST_GLANCE:
        raise Refused(f"makes {len(line)} characters, and {2 * FIRST_GLANCE} are the most for a title")
    if part == "short":
        line = gsm(line)
        if septets(line) > SMS:
            raise Refused(f"makes {septets(line)} septets, and an SMS has {SMS}")
    return line


def _given(templates: Templates) -> Iterator[tuple[str, str]]:
    parts = {"title": templates.title, "body": templates.body, "short": templates.short}
    return ((part, source) for part, source in parts.items() if source is not None)


def wrong(
    templates: Templates, examples: Sequence[tuple[Page, Assessment]], zone: tzinfo, private: bool
) -> Iterator[tuple[str, str]]:
    """The parts that cannot be used, tried on example events, and why each (see Refused); none when all is well."""
    for part, source in _given(templates):
        try:
            template = compiled(source)
            for page, assessment in examples:
                values = facts(page, assessment, zone, write(page, assessment, zone, private), private)
                fitting(part, rendered(template, values), page.event)
        except Refused as why:
            yield part, str(why)
