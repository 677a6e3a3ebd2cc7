"""YAML text → plain data and the line of every key. Scalars stay the text that stands in the file.

Text, so that neither ``location: NO`` nor ``010`` nor ``1:30`` is anything but what was written; the model knows which
keys are numbers.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from drwatch.config.errors import Location

Data = str | None | list["Data"] | dict[str, "Data"]

_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = {_CORE + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")}
_NULL = _CORE + "null"
_BREAKING = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories that would end a line, or that no file can hold."""
_MANY_LINES = ("templates", "body")
"""The end of the only places whose text may have several lines: a page's."""
_DEEPEST = 20
"""Levels of nesting; the configuration has eight."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault and its place; where that is no key of the file, its nearest existing parent gives the line."""

    at: Location
    expected: str
    remedy: str
    line: int | None = None


@dataclass(slots=True)
class Tree:
    """A file's data, where each key stands (1-based lines), and what is wrong with the YAML itself."""

    data: Data = None
    lines: dict[Location, int] = field(default_factory=lambda: {(): 1})
    problems: list[Problem] = field(default_factory=list)
    refused: set[Location] = field(default_factory=set)
    """Where text was left out of the data: what is said of its absence is no fault of the file's."""
    usable: bool = True
    """False when the problems leave nothing that would be worth checking further."""

    def line_of(self, at: Location) -> int:
        while at not in self.lines:
            at = at[:-1]
        return self.lines[at]


def read(text: str) -> Tree:
    """The file's tree; syntax errors are its problems, never exceptions."""
    tree = Tree()
    if (line := _directive(text)) is not None:
        # %YAML 1.1 would turn NO into False, in a tool that prints countries.
        return _hopeless(tree, line, "expected no % directive: the file is read as YAML 1.2", "Remove the line")
    yaml = YAML(typ="safe", pure=True)
    # Each anchor is a problem of its own below: the library's warning would stand on stderr beside our sentence.
    yaml.composer.warn_double_anchors = False
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _hopeless(tree, 1 if mark is None else mark.line + 1, *_syntax(str(error.problem or "")))
    except YAMLError:
        return _hopeless(tree, 1, "expected text without control characters", "Write the file anew as plain UTF-8 text")
    except RecursionError:
        return _hopeless(tree, 1, "expected fewer levels of nesting", "Compare with config/drwatch.yaml")
    if root is None or (isinstance(root, ScalarNode) and root.tag == _NULL):
        return _hopeless(tree, 1, "expected a configuration and the file is empty", "Start from config/minimal.yaml")
    if not isinstance(root, MappingNode):
        return _hopeless(tree, 1, "expected keys and values (clusters: …)", "Start from config/minimal.yaml")
    tree.data = _plain(root, (), tree)
    return tree


def _hopeless(tree: Tree, line: int, expected: str, remedy: str) -> Tree:
    tree.problems.append(Problem((), expected, remedy, line))
    tree.usable = False
    return tree


def _directive(text: str) -> int | None:
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if line.startswith("%"):
            return number
        if line.strip() and not line.lstrip().startswith("#"):
            return None
    return None


def _syntax(problem: str) -> tuple[str, str]:
    # The parser's own words quote the file, so only what is known to be free of it is passed on.
    if "another document" in problem or "document start" in problem:
        return "expected one document", "Remove the line of --- or what follows it"
    if "mapping values are not allowed" in problem:
        return "expected no second colon here", "Check the indentation, and quote values that contain ': '"
    if "alias" in problem:
        return "expected no *alias", "Write the values out, or quote text that starts with *"
    if "tab" in problem or "\\t" in problem:
        return "expected blanks where a tab stands", "Indent with blanks"
    return "expected YAML", "Check indentation, quotes and brackets on this line and the one above it"


def _plain(node: Node, at: Location, tree: Tree) -> Data:
    line = node.start_mark.line + 1
    if node.anchor is not None:
        # Not followed: aliases can make a small file enormous, or endless.
        tree.problems.append(Problem(at, "expected no &anchor", "Write the values out", line))
        tree.usable = False
        return None
    if len(at) > _DEEPEST:
        tree.problems.append(Problem(at[:-1], "expected fewer levels", "Compare with config/drwatch.yaml", line))
        tree.usable = False
        return None
    if isinstance(node, MappingNode):
        return _mapping(node, at, tree)
    if isinstance(node, SequenceNode):
        items: list[Data] = []
        for index, item in enumerate(node.value):
            tree.lines[*at, index] = item.start_mark.line + 1
            items.append(_plain(item, (*at, index), tree))
        return items
    return _scalar(node, at, tree)


def _mapping(node: MappingNode, at: Location, tree: Tree) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            tree.problems.append(
                Problem(at, "expected a key of plain text", "Quote text that starts with { or [", line)
            )
            continue
        key = _scalar(key_node, at, tree) or ""
        if key in found:
            first = tree.lines[*at, key]
            tree.problems.append(
                Problem((*at, key), f"expected each key once, and it stands in line {first} too", "Remove one", line)
            )
            continue
        tree.lines[*at, key] = line
        found[key] = _plain(value_node, (*at, key), tree)
    return found


def _scalar(node: Node, at: Location, tree: Tree) -> str | None:
    text = str(node.value)
    line = node.start_mark.line + 1
    if node.anchor is not None:
        tree.problems.append(Problem(at, "expected no &anchor", "Write the values out", line))
    if str(node.tag) not in _TEXT_TAGS:
        tree.problems.append(Problem(at, "expected no !tag", "Remove it, or quote text that starts with !", line))
    line_by_line = text.replace("\n", "") if at[-2:] == _MANY_LINES else text
    if any(unicodedata.category(letter) in _BREAKING for letter in line_by_line):
        tree.refused.add(at)
        tree.problems.append(
            Problem(at, "expected one line of text without control characters", "Write it on one line", line)
        )
        return ""
    return None if node.tag == _NULL else text
