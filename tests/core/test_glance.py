"""What the first line of a page must carry, whatever the names, and what a veiled one must not."""

from __future__ import annotations

import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import LOST, OSLO_A, OSLO_B, PAGING, SHOP, at, body, dead_host, primary, seen, standby, well

from drwatch.core.assessment import Assessment, assess
from drwatch.core.finding import SEVERITY, Condition, Confidence
from drwatch.core.glance import DETAILS, FIRST_GLANCE, SMS, gsm, septets
from drwatch.core.incident import Incident, Phase
from drwatch.core.message import compose, veiled
from drwatch.core.paging import ENDS, Page, PageReason
from drwatch.core.policy import Cluster, Policy
from drwatch.core.sample import Node

OSLO = ZoneInfo("Europe/Oslo")
REASONS = [reason for reason in PageReason if reason not in (PageReason.TEST, PageReason.DIGEST)]
NAMES = st.from_regex(r"\A\w[\w.-]{0,63}\Z")
LONG = "w" * 64


def incident(condition: Condition, cluster: str = "shop", subject: str = "oslo-a", began: float = 0.0) -> Incident:
    moment = at(began)
    return Incident(
        id="K7QX2A",
        cluster=cluster,
        topic=str(condition),
        subject=subject,
        condition=condition,
        severity=SEVERITY[condition],
        summary=f"{subject} at 10.0.0.1 is not what it was in /var/lib/mysql",
        evidence=("drwatch@10.0.0.1 saw it",),
        confidence=Confidence.CONCLUSIVE,
        phase=Phase.OPEN,
        began=moment,
        condition_began=moment,
        last_true=moment,
        confirmed=moment,
        told_condition=condition,
        pages=12,
    )


def judged(cluster: str = "shop", name: str = "oslo-a") -> Assessment:
    nodes = (replace(OSLO_A, node=Node(cluster, name)), replace(OSLO_B, node=Node(cluster, "oslo-b")))
    return assess(seen(), Policy((replace(SHOP, name=cluster, nodes=nodes),), PAGING), frozenset(), at(60))


def killed() -> Assessment:
    """The primary's process is gone, and the standby had all of it."""
    looks = [*well(0), *well(1), primary(LOST, 2), body(dead_host(), 2), standby(well(2)[0].found, 2)]
    return assess(seen(*looks), Policy((SHOP,), PAGING), frozenset(), at(3))


@given(
    condition=st.sampled_from(list(Condition)),
    reason=st.sampled_from(REASONS),
    cluster=NAMES,
    subject=NAMES,
    began=st.sampled_from([0.0, -3600.0, -4e5]),
)
def test_whatever_the_names_the_first_glance_has_all_that_it_must(
    condition: Condition, reason: PageReason, cluster: str, subject: str, began: float
) -> None:
    page = Page(incident(condition, cluster, subject, began), reason, ("phone",))
    message = compose(page, judged(cluster, subject), OSLO)
    assert len(message.title) <= FIRST_GLANCE
    assert septets(message.short) <= SMS
    assert gsm(message.short) == message.short
    for line in (message.title, message.short):
        assert line.endswith(" [K7QX2A.12]")
        assert str(condition) in line
        if reason in ENDS:
            assert line.startswith(f"{reason.upper()} ")
            assert re.search(r" was \S+( \S+)?\+0100 to \d\d:\d\d:\d\d\+0100 ", line)
        else:
            assert line.startswith(SEVERITY[condition].upper())
            assert re.search(r" since (\d\d:\d\d:\d\d|\d\d-\d\d \d\d:\d\d)\+0100 RPO unknown RTO unknown", line)


def test_a_name_that_fits_is_whole_and_one_that_does_not_shows_that_it_is_not() -> None:
    whole = compose(Page(incident(Condition.PRIMARY_DOWN), PageReason.FIRST, ("phone",)), judged(), OSLO)
    assert whole.title == "CRITICAL shop: PrimaryDown oslo-a since 04:14:00+0100 RPO unknown RTO unknown [K7QX2A.12]"
    page = Page(incident(Condition.PRIMARY_DOWN, LONG, LONG), PageReason.FIRST, ("phone",))
    cut = compose(page, judged(LONG), OSLO)
    assert re.search(r"CRITICAL w+\.\.: PrimaryDown w+\.\. since ", cut.title)
    assert len(cut.title) == FIRST_GLANCE


def test_what_began_on_another_day_says_on_which() -> None:
    page = Page(incident(Condition.UNPROTECTED, began=-2 * 86400.0), PageReason.STILL, ("phone",))
    assert " since 11-21 04:14+0100 " in compose(page, judged(), OSLO).title


def test_the_short_form_says_whether_a_takeover_may_be_made() -> None:
    page = Page(incident(Condition.PRIMARY_DOWN), PageReason.FIRST, ("sms",))
    message = compose(page, killed(), OSLO)
    assert re.search(r"RTO\S.*, takeover (GO|NO-GO|UNKNOWN) \[K7QX2A\.12\]$", message.short)
    assert "takeover" not in compose(replace(page, reason=PageReason.RESOLVED), killed(), OSLO).short
    lag = Page(incident(Condition.FILES_STALE), PageReason.FIRST, ("sms",))
    assert "takeover" not in compose(lag, killed(), OSLO).short


def test_a_letter_that_an_sms_lacks_does_not_halve_its_room() -> None:
    page = Page(incident(Condition.FILES_STALE, subject="билеты"), PageReason.FIRST, ("sms",))
    assert "FilesStale ?????? since" in compose(page, judged(), OSLO).short


def named(cluster: Cluster) -> set[str]:
    """Every name and address that the configuration gives."""
    nodes = {word for each in cluster.nodes for word in (each.node.name, each.mysql, each.ssh, each.ssh_host)}
    paths = {word for files in cluster.files for word in (files.name, files.path, files.marker)}
    return {word for word in nodes | paths if word} | {"10.0.0.", "/var/lib", "drwatch@"}


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("reason", REASONS)
def test_a_veiled_page_has_no_name_but_the_clusters(condition: Condition, reason: PageReason) -> None:
    page = Page(incident(condition), reason, ("cloud",))
    message = veiled(page, killed(), OSLO)
    text = "\n".join((message.title, message.body, message.short))
    assert [word for word in named(SHOP) if word in text] == []
    assert [word for word in (str(condition), "shop", "K7QX2A.12", DETAILS) if word not in text] == []
    if reason not in ENDS:
        assert "RPO" in message.title


def test_a_veiled_page_still_says_whether_a_takeover_may_be_made() -> None:
    page = Page(incident(Condition.PRIMARY_DOWN), PageReason.FIRST, ("cloud",))
    assert re.search(r"^Takeover: (GO|NO-GO|UNKNOWN)\.\n", veiled(page, killed(), OSLO).body)
