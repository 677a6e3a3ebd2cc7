"""YAML without its surprises."""

import pytest


def test_norway_stays_a_country(machine, pair) -> None:
    config = machine.load(pair.replace("        ssh: {}\n", "        ssh: {}\n        location: NO\n"))
    assert [node.location for node in config.policy.clusters[0].nodes] == ["NO", "NO"]


@pytest.mark.parametrize("written", ["010", "1:30", "1_000", "2026-11-23", "off", "1e3", "0x10", "=", "<<", "true"])
def test_text_is_what_stands_in_the_file(machine, pair, written) -> None:
    config = machine.load(pair.replace("        ssh: {}\n", f"        ssh: {{}}\n        location: {written}\n"))
    assert config.policy.clusters[0].nodes[0].location == written


def test_a_key_with_nothing_behind_it_is_not_set(machine, pair) -> None:
    config = machine.load(pair.replace("    files:\n", "    backups:\n    endpoint: null\n    files:\n"))
    assert config == machine.load(pair)


def test_yaml_1_1_is_refused_because_it_turns_norway_into_false(machine, pair) -> None:
    assert machine.errors("# ours\n%YAML 1.1\n---\n" + pair) == [
        "2: (file): expected no % directive: the file is read as YAML 1.2. Remove the line."
    ]


def test_an_anchor_is_refused_and_its_aliases_are_not_followed(machine, pair) -> None:
    text = pair.replace("mysql: {host: 10.0.0.1", "mysql: &m {host: 10.0.0.1").replace("ssh: {}", "ssh: *m", 1)
    assert machine.errors(text)[0] == (
        "6: clusters.shop.nodes.oslo-a.mysql: expected no &anchor. Write the values out."
    )


def test_a_bomb_of_aliases_is_refused_in_no_time(machine) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert all("expected no &anchor" in error for error in machine.errors(bomb))


def test_an_alias_to_itself_is_refused(machine) -> None:
    assert "expected no &anchor" in machine.errors("clusters: &loop {shop: *loop}\n")[0]


def test_an_undefined_alias_is_refused_without_its_name(machine) -> None:
    assert machine.errors("clusters: *hunter2\n") == [
        "1: (file): expected no *alias. Write the values out, or quote text that starts with *."
    ]


def test_a_key_that_stands_twice_is_refused_with_both_lines(machine, pair) -> None:
    assert machine.errors(pair + "anchors: []\n") == [
        "20: anchors: expected each key once, and it stands in line 19 too. Remove one."
    ]


def test_a_tag_is_refused(machine, pair) -> None:
    assert machine.errors(pair.replace("[gateway", "[!secret gateway")) == [
        "19: anchors[0]: expected no !tag. Remove it, or quote text that starts with !."
    ]


@pytest.mark.parametrize(
    "value", ['"two\\nlines"', '"bell \\a"', '"half \\ud800"', "|\n          two\n          lines"]
)
def test_a_value_of_several_lines_or_with_control_characters_is_refused(machine, pair, value) -> None:
    assert machine.errors(pair.replace("        ssh: {}\n", f"        ssh: {{}}\n        location: {value}\n", 1)) == [
        "8: clusters.shop.nodes.oslo-a.location: expected one line of text without control characters."
        " Write it on one line."
    ]


def test_a_template_s_body_alone_may_have_several_lines(machine, pair) -> None:
    """Of all channels and of one; what ends no line stays refused there."""
    text = pair.replace("format: short}", 'format: short, templates: {body: "of one\\n{{ body }}"}}')
    text = text.replace("paging:\n", "paging:\n  templates:\n    body: |\n      first\n      {{ body }}\n")
    assert {name: mine.body for name, mine in machine.load(text).policy.paging.templates.items()} == {
        "phone": "first\n{{ body }}\n",
        "sms": "of one\n{{ body }}",
    }
    for part, value in (("title", "|\n      two\n      lines"), ("body", '"bell \\a"')):
        assert machine.errors(pair.replace("paging:\n", f"paging:\n  templates:\n    {part}: {value}\n")) == [
            f"16: paging.templates.{part}: expected one line of text without control characters. Write it on one line."
        ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("clusters: {a: b\npaging: {}\n", "expected YAML"),
        ("clusters:\n\tshop: {}\n", "expected blanks where a tab stands"),
        ("clusters: a: b\n", "expected no second colon here"),
        ("clusters: {}\n---\nclusters: {}\n", "expected one document"),
        ("clusters: {? [a]: b}\n", "expected a key of plain text"),
        ("[" * 1000, "expected"),
        ("a: " * 3 + "{" * 200 + "}" * 200, "expected"),
        ("clusters: " + "[" * 40 + "]" * 40, "expected fewer levels"),
        ("clusters: \x00\n", "expected text without control characters"),
    ],
)
def test_what_is_no_yaml_says_so_in_our_words(machine, text, line) -> None:
    assert any(f": {line}" in error for error in machine.errors(text))
