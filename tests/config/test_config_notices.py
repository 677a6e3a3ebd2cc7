"""What is accepted and yet should be known."""

from pathlib import Path

import pytest


def test_the_contract_s_example_says_what_this_version_does_not_do(machine) -> None:
    notices = machine.load((Path(__file__).parent / "contract.yaml").read_text()).notices
    assert "clusters.shop.backups is accepted but not watched by this version." in notices
    assert not [notice for notice in notices if "heartbeat" in notice]


@pytest.mark.parametrize(
    ("good", "other", "notice"),
    [
        (
            "    nodes:\n",
            "    objectives: {rto: 15m}\n    nodes:\n",
            "clusters.shop.objectives.rto leaves nothing beyond the 15m assumed for a human to decide",
        ),
        ("anchors: [gateway.example.no:443]\n", "", "anchors is empty"),
        ("anchors: [", "anchors: [", "heartbeat is not set"),
        ("format: short}", "format: short, prove: false}", "paging.channels.sms.prove is false"),
        ("ssh: {}", "ssh: null", "clusters.shop.nodes.oslo-a has no ssh"),
        ("role: primary", "role: primary", "clusters.shop.nodes.oslo-a.mysql.tls is off"),
        ("anchors: [", "web: {listen: 0.0.0.0:9633}\nanchors: [", "web.listen answers other hosts"),
    ],
)
def test_what_weakens_the_watch_is_noticed(machine, pair, good, other, notice) -> None:
    notices = machine.load(pair.replace(good, other, 1)).notices
    assert len([each for each in notices if each.startswith(notice)]) == 1


def test_a_pair_that_does_all_it_should_has_nothing_to_notice(machine, pair) -> None:
    text = pair.replace("host: 10.0.0.1", "host: 10.0.0.1, tls: {mode: required}").replace("10.0.0.2", "127.0.0.1")
    assert machine.load(text + "heartbeat: {url_file: /etc/drwatch/heartbeat.url}\n").notices == ()


def test_a_lone_primary_is_told_that_nothing_could_take_over(machine, pair) -> None:
    text = pair[: pair.index("      oslo-b")] + pair[pair.index("paging:") :]
    assert "clusters.shop has no standby: nothing could take over." in machine.load(text).notices


def test_nobody_to_wake_is_said(machine, pair) -> None:
    text = pair[: pair.index("paging:")]
    config = machine.load(text)
    assert "paging.channels is empty: drwatch will wake nobody." in config.notices
    assert config.policy.paging.escalation == ()


def test_that_one_channel_alone_is_too_few_is_said(machine, pair) -> None:
    text = (
        pair.replace(", format: short}", "}")
        .replace('    sms: {url: "${SMS_URL}"}\n', "")
        .replace(", {to: [sms], after: 5m}", "")
    )
    (notice,) = [each for each in machine.load(text).notices if each.startswith("paging.channels")]
    assert notice.startswith("paging.channels has phone alone: a critical page counts as delivered when two channels")


def test_without_an_escalation_every_channel_is_paged_at_once(machine, pair) -> None:
    text = "".join(line for line in pair.splitlines(keepends=True) if "escalation" not in line)
    [step] = machine.load(text).policy.paging.escalation
    assert (step.to, step.after) == (("phone", "sms"), 0.0)


def test_a_configuration_with_alertmanagers_alone_says_what_that_means(machine, pair) -> None:
    notice = "paging.channels has Alertmanagers alone: when none of them takes alerts, nobody is woken."
    engine = pair.replace("{url_file: /etc/drwatch/phone.url}", "{alertmanager: [http://am1:9093]}")
    assert notice not in machine.load(engine).notices
    assert (
        notice
        in machine.load(engine.replace('{url: "${SMS_URL}", format: short}', "{alertmanager: [http://am2]}")).notices
    )
