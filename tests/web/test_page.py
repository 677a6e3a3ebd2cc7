"""The page for people."""

import re
from dataclasses import replace
from datetime import UTC
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from monitoring import world
from monitoring.world import NOW, A

from drwatch.core.assessment import assess
from drwatch.core.duration import at_most
from drwatch.core.finding import Condition, Finding
from drwatch.core.job import Heard
from drwatch.core.sample import Blind, Probe, Reason, Sample
from drwatch.web.markup import Markup, join, tag
from drwatch.web.page import POLICY, STYLE, render

SCRIPT = "<script>alert(1)</script>"


class Reading(HTMLParser):
    """What a browser makes of a page: its elements and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words += data + " "


def page(samples: list[Sample] | None = None, wrong: str | None = None) -> Reading:
    assessment = world.whole() if samples is None else world.assessed(samples)
    incidents = world.living(assessment)
    return Reading(render(assessment, incidents, [world.row(each) for each in incidents[:1]], wrong, UTC))


def test_the_page_is_whole_html_without_script_or_anything_from_elsewhere() -> None:
    seen = page()
    assert seen.open == []
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(seen.tags)
    assert not {"style", "src", "onclick"} & seen.attributes


def test_the_style_is_the_one_that_the_policy_allows() -> None:
    html = render(None, (), (), None, UTC)
    assert f"<style>{STYLE}</style>" in html
    assert "style-src 'sha256-" in POLICY
    assert "unsafe" not in POLICY


def test_the_page_reloads_itself_and_fits_a_phone() -> None:
    html = render(None, (), (), None, UTC)
    assert 'http-equiv="refresh"' in html
    assert 'name="viewport"' in html


def test_before_the_first_judgement_it_says_so() -> None:
    assert "Nothing has been judged yet" in Reading(render(None, (), (), None, UTC)).words


def test_the_figures_stand_with_their_direction_and_unknown_is_a_word() -> None:
    words = page().words
    assert "Data-loss exposure with oslo-b at most " in words
    assert "Estimated recovery time with oslo-b about " in words
    assert "Data-loss exposure with bergen-b UNKNOWN" in words
    assert "Objective 60 s" in words
    assert "decide 15 min, assumed" in words
    assert "unmeasured: no marker was ever seen" in words


def test_repair_and_takeover_stand_side_by_side_with_what_each_takes_and_loses() -> None:
    words = page().words
    assert "Repair about 5 min loses nothing repair 5 min, assumed: until an incident measures it" in words
    assert re.search(r"Take over with oslo-b about [\d. a-z]+ loses at most \S+ s from the decision on", words)
    assert "Taking over is better: 10 min after its death" in words
    assert "Take over with bergen-b UNKNOWN loses UNKNOWN" in words


def test_database_and_files_of_different_age_get_a_sentence() -> None:
    policy = replace(world.POLICY, clusters=(replace(world.SHOP, files=(world.UPLOADS,)),))
    words = Reading(render(world.assessed(world.looks(), policy=policy), (), (), None, UTC)).words
    assert re.search(
        r"oslo-b: database [\d.]+ s, uploads [^:]+: effective [^,]+, rows may point at missing files", words
    )


def grave() -> Reading:
    """The dark pair had answered before drwatch was started anew, and is gone now."""
    nodes = frozenset({world.DARK_A, world.DARK_B})
    lost = replace(world.seen([*world.looks(), *world.dark_looks()]), alive=nodes)
    assessment = assess(lost, world.POLICY, frozenset(), NOW.plus(2.0))
    return Reading(render(assessment, world.living(assessment), (), None, UTC))


def test_jobs_are_a_table_with_when_each_was_done_last() -> None:
    heard = {("shop", "nightly-dump"): Heard(since=NOW, done=NOW.plus(-3600))}
    assessment = world.whole()
    done = replace(assessment, snapshot=replace(assessment.snapshot, jobs=heard))
    late = Finding(Condition.JOB_MISSED, "shop", "nightly-dump", "the job nightly-dump says that it failed, 5 s ago")
    for seen, words in (
        (replace(assessment, snapshot=replace(assessment.snapshot, jobs={})), "not heard of yet"),
        (done, "done 60 min ago"),
        (replace(done, findings=(*done.findings, late)), "the job nightly-dump says that it failed, 5 s ago"),
    ):
        read = " ".join(Reading(render(seen, (), (), None, UTC)).words.split())
        assert f"Jobs nightly-dump {words} every 24 h 0 min, with a grace of 2 h 0 min" in read


def test_what_quiet_hours_keep_from_a_channel_is_said_with_until_when() -> None:
    (incident, *_) = world.living(world.whole())
    held = {incident.id: {"phone": NOW.plus(3600).wall}}
    words = Reading(render(world.whole(), [incident], (), None, UTC, held=held)).words
    assert f", kept from phone until {NOW.plus(3600).wall:%H:%M} by its quiet hours" in words


def test_every_vote_is_printed_with_its_age_and_whether_it_counted() -> None:
    silent = [
        world.look(A, Probe.SERVER, Blind(Reason.REFUSED), NOW.plus(-4.0)),
        world.look(A, Probe.HOST, replace(world.host(NOW), processes=()), NOW.plus(-3.0)),
        world.look(world.B, Probe.REPLICATION, Blind(Reason.QUERY_TIMEOUT), NOW.plus(-3.0)),
    ]
    words = " ".join(page([*world.looks(NOW.plus(-5.0)), *silent]).words.split())
    assert "witness, database refused witness: 10.0.0.1:3306 refuses the connection, 4.0 s ago" in words
    assert "witness, SSH to oslo-a gone host: oslo-a is up and its server process is gone" in words
    assert "standby oslo-b, receiver unknown standby: the receiver of oslo-b could not be asked since" in words
    assert "; abstains" in words


def test_each_path_stands_there_with_its_state() -> None:
    words = " ".join(page(world.looks(NOW.plus(-1.0))).words.split())
    assert "witness – oslo-a up" in words
    assert "witness – oslo-b up" in words
    assert "oslo-b – oslo-a up" in words


def test_the_banner_counts_what_is_told_and_names_the_critical() -> None:
    assert re.search(r"1 critical: dark PrimaryHostDown bergen-a, and \d more", grave().words)


def test_all_is_well_only_when_all_was_looked_at() -> None:
    policy = replace(world.POLICY, clusters=(replace(world.SHOP, files=()),))
    well = world.assessed(world.looks(writable=False), policy=policy)
    assert "All is well" in Reading(render(well, (), (), None, UTC)).words
    early = world.assessed(world.looks(writable=False)[:1], policy=policy)
    assert "Not looked at all round yet: shop" in Reading(render(early, (), (), None, UTC)).words


def test_a_pair_of_which_nothing_is_known_is_not_called_well() -> None:
    """Before any incident is confirmed, and where none will be: nobody was told, which is not the same."""
    policy = replace(world.POLICY, clusters=(replace(world.SHOP, files=()),))
    silent = [replace(each, found=Blind(Reason.CONNECT_TIMEOUT)) for each in world.looks(writable=False)]
    html = render(world.assessed(silent, policy=policy), (), (), None, UTC)
    banner = "Nobody was told of anything, and not all is well: shop unprotected, data at risk unknown"
    assert f'<div class="banner warn">{banner}</div>' in html
    assert "<title>Nobody was told of anything, and not all is well · drwatch</title>" in html


def test_the_gravest_cluster_comes_first() -> None:
    words = grave().words
    assert words.index(" dark ") < words.index(" shop ")


@pytest.mark.parametrize(
    ("blind", "told"),
    [
        pytest.param(Blind(Reason.ACCESS_DENIED), "oslo-a is alive and lets drwatch see nothing", id="denied"),
        pytest.param(Blind(Reason.REFUSED), "oslo-a does not answer: the other chairs are being asked", id="just now"),
    ],
)
def test_a_primary_that_does_not_answer_is_not_called_unknown(blind: Blind, told: str) -> None:
    assert told in page([*world.looks(), world.look(A, Probe.SERVER, blind, NOW)]).words


def test_the_times_are_those_of_the_readers_zone() -> None:
    html = render(world.whole(), (), (), None, ZoneInfo("Europe/Oslo"))
    assert "2026-11-23 03:14:07 CET" in html
    assert 'datetime="2026-11-23T03:14:07+01:00"' in html


def test_what_is_wrong_with_drwatch_itself_comes_before_everything() -> None:
    words = page(wrong="no tick for 12 s").words
    assert "DRWATCH ITSELF IS NOT WELL: no tick for 12 s" in words
    assert words.index("NOT WELL") < words.index("oslo-a")


def test_a_servers_words_cannot_become_markup() -> None:
    """An error text, a name, a path: whatever comes from outside is shown as it is."""
    blind = Blind(Reason.SERVER_ERROR, SCRIPT)
    policy = replace(
        world.POLICY, clusters=(replace(world.SHOP, name=SCRIPT, files=(replace(world.UPLOADS, path=SCRIPT),)),)
    )
    samples = [*world.looks(), world.look(A, Probe.SERVER, blind, NOW), world.look(A, Probe.LOGIN, blind, NOW)]
    assessment = world.assessed(samples, policy=policy)
    incidents = [replace(each, summary=SCRIPT, evidence=(SCRIPT,)) for each in world.living(assessment, policy)]
    rows = [replace(world.row(incidents[0]), title=SCRIPT, detail=SCRIPT)]
    seen = Reading(render(assessment, incidents, rows, SCRIPT, UTC))
    assert "script" not in seen.tags
    assert seen.words.count(SCRIPT) >= 6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (0.02, "0.1 s"),
        (1.0, "1.0 s"),
        (1.0015, "1.1 s"),
        (9.85, "9.9 s"),
        (9.95, "10 s"),
        (42.2, "43 s"),
        (119.2, "2 min"),
        (140.2, "2 min 21 s"),
        (598.5, "9 min 59 s"),
        (599.5, "10 min"),
        (996.0, "17 min"),
        (7140.5, "2 h 0 min"),
        (48 * 3600 + 1, "2 d 1 h"),
    ],
)
def test_an_upper_bound_is_rounded_up(seconds: float, words: str) -> None:
    assert at_most(seconds) == words


def test_plain_text_is_escaped_and_markup_is_not() -> None:
    assert tag("p", "a < b", tag("b", "&"), title='"') == '<p title="&quot;">a &lt; b<b>&amp;</b></p>'
    assert tag("meta", http_equiv="refresh", content=None) == '<meta http-equiv="refresh">'
    assert join("<", Markup("<br>"), None) == "&lt;<br>"
