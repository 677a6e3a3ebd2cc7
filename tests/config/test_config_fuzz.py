"""Whatever the text: a Config, or ConfigErrors of one line each without a value in them. Never anything else."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from config_machine import PAIR, Machine
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drwatch.config import Config, ConfigErrors, tree

ANNOTATED = (Path(__file__).parents[2] / "config/drwatch.yaml").read_text()
TOKENS = sorted(set(re.findall(r"\w+|[^\w\s]|\n *", PAIR + ANNOTATED)))
CANARY = "hunter2"
SHAPES = [
    CANARY,
    f'"{CANARY} {CANARY}"',
    f"[{CANARY}]",
    f"{{{CANARY}: {CANARY}}}",
    f"{{a b {CANARY}: null}}",
    f'"${{{CANARY}}}"',
    f"/{CANARY}",
    f"{CANARY}:99999",
    f"!{CANARY} x",
    f'"\\n{CANARY}"',
    f"http://{CANARY}",
    f"/{'long/' * 2000}{CANARY}",
]
ODD = ["-1", "9" * 500, "1e999", "nan", '""', "null", "[]", "{}", "0s", "/", ".", "~", "''", "${}", "a:b:c", "[[]]"]
PLAIN = re.sub(r" *#.*", "", ANNOTATED)  # comments cost the parser most of its time


@pytest.fixture(scope="module")
def host() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as directory:
        yield Machine(Path(directory))


def outcome(host: Machine, text: str) -> Config | list[str]:
    try:
        return host.load(text)
    except ConfigErrors as errors:
        lines = [str(error) for error in errors.errors]
        assert lines
        for line in lines:
            assert line.isprintable(), "one line"
            assert re.fullmatch(r"\S+:[0-9]+: \S+: expected .+\. [A-Z].+\.", line), line
        return lines


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text(host: Machine, text: str) -> None:
    # A lone surrogate cannot stand in a file.
    outcome(host, text.encode("utf-8", "replace").decode())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TOKENS) | st.sampled_from(" :-?&*!|>%@`'\"#,[]{}\t\n\\"), max_size=40).map("".join))
@example("&&[&&")  # two anchors of one name
def test_any_soup_of_our_own_words(host: Machine, text: str) -> None:
    outcome(host, text)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_good_file_with_a_slip_of_the_hand(host: Machine, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([PAIR, ANNOTATED]))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        put = data.draw(st.text(max_size=3) | st.sampled_from(TOKENS))
        text = text[:start] + put + text[start + cut :]
    outcome(host, text.encode("utf-8", "replace").decode())


def _scalars(text: str) -> list[tuple[int, int]]:
    """Where each value of the file begins and ends."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

    def spans(node: Node) -> Iterator[tuple[int, int]]:
        if isinstance(node, MappingNode):
            for _, value in node.value:
                yield from spans(value)
        elif isinstance(node, SequenceNode):
            for value in node.value:
                yield from spans(value)
        # A block's end mark stands behind the line break, so only what is on one line is exchanged as a whole.
        if node.start_mark.line == node.end_mark.line and node.start_mark.index < node.end_mark.index:
            yield node.start_mark.index, node.end_mark.index

    return sorted(set(spans(YAML(typ="safe", pure=True).compose(text))))


SPANS = _scalars(PLAIN)


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
def test_no_value_is_ever_printed_wherever_it_stands(host: Machine, shape: str) -> None:
    for start, end in SPANS:
        found = outcome(host, PLAIN[:start] + shape + PLAIN[end:])
        if isinstance(found, Config):
            continue
        for line in found:
            # A key may be shown (it is where the fault is), a value may not.
            shown = line.split(": ", 2)[2] if f"{{{CANARY}:" in shape else line
            assert CANARY not in shown, line


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_good_file_with_an_odd_value(host: Machine, data: st.DataObject) -> None:
    start, end = data.draw(st.sampled_from(SPANS))
    outcome(host, PLAIN[:start] + data.draw(st.sampled_from(ODD)) + PLAIN[end:])


def test_the_reader_keeps_every_line_of_a_good_file() -> None:
    read = tree.read(ANNOTATED)
    lines = ANNOTATED.splitlines()
    for at, line in read.lines.items():
        if at and isinstance(at[-1], str):
            assert at[-1] in lines[line - 1]
