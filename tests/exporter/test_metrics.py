"""What a scrape says of the watched world."""

import asyncio
import math
from dataclasses import replace

import pytest
from monitoring import world
from monitoring.world import NOW, A, B

from drwatch.core.ack import Ack
from drwatch.core.actuals import Kind
from drwatch.core.assessment import assess
from drwatch.core.drill import announced
from drwatch.core.exposure import coherent
from drwatch.core.finding import SEVERITY, Condition, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.sample import Blind, Moment, Probe, ReachFact, Reason, ReplicationFact, Sample, ServerFact
from drwatch.core.standing import State
from drwatch.exporter import FAMILIES
from drwatch.exporter.incidents import WITNESS_CONDITIONS
from exporter.reading import exporter, rendered, scrape

SHOP_B = {"cluster": "shop", "node": "oslo-b"}


def changed(samples: list[Sample], probe: Probe, **fields: object) -> list[Sample]:
    """The samples with the replication channel's or the server's fields replaced on the standby."""

    def swap(sample: Sample) -> Sample:
        match sample.found:
            case ReplicationFact(channels=(channel,)) if sample.key.probe is probe:
                return replace(sample, found=ReplicationFact((replace(channel, **fields),)))
            case ServerFact() as fact if sample.key == (B, probe, ""):
                return replace(sample, found=replace(fact, **fields))
        return sample

    return [swap(sample) for sample in samples]


def test_a_whole_world_has_every_metric() -> None:
    assessment = world.whole()
    incidents = world.living(assessment)
    assert scrape(assessment, incidents, [world.row(incidents[0])]).names >= set(FAMILIES)


def test_every_series_of_a_metric_has_the_same_labels() -> None:
    assessment = world.whole()
    for sample in scrape(assessment, world.living(assessment)).samples:
        if sample.name in FAMILIES:
            assert set(sample.labels) == set(FAMILIES[sample.name].labels), sample


def test_no_number_stands_for_something_unknown_at_any_moment_of_a_start() -> None:
    """One look after the other comes in; whatever is known by then, no series is -1, NaN, infinite or the year 1970."""
    samples = [*world.looks(), *world.dark_looks()]
    for count in range(len(samples) + 1):
        seen = scrape(world.assessed(samples[:count]))
        for sample in seen.samples:
            assert sample.name == "drwatch_clock_offset_seconds" or sample.value >= 0, sample
            assert math.isfinite(sample.value), sample
            assert not sample.name.endswith("_timestamp_seconds") or sample.value > 1.7e9, sample


def test_before_the_first_judgement_there_is_the_build_and_nothing_of_the_world() -> None:
    seen = scrape(None)
    assert seen.names & set(FAMILIES) == {"drwatch_build_info", "drwatch_audit_failing"}


def test_the_figures_are_those_of_the_claim() -> None:
    assessment = world.whole()
    view = assessment.view("shop")
    assert view is not None
    (claim,), seen = view.database, scrape(assessment)
    assert claim.datum is not None
    expected = {
        "drwatch_rpo_seconds": claim.seconds,
        "drwatch_rpo_transactions_seen": claim.transactions_seen,
        "drwatch_rpo_bytes_seen": claim.bytes_seen,
        "drwatch_rpo_unseen_seconds": claim.unseen_seconds,
        "drwatch_rpo_datum_timestamp_seconds": claim.datum.wall.timestamp(),
        "drwatch_rpo_known": 1.0,
        "drwatch_rpo_frozen": 0.0,
    }
    assert {name: seen(name, **SHOP_B, data="mysql") for name in expected} == expected
    assert seen("drwatch_rpo_objective_seconds", cluster="shop") == 60.0


def test_an_exposure_grows_with_the_clock_when_nothing_more_is_heard() -> None:
    """A figure read off the last delivery would stand still when the link dies: the first of the six lies."""
    samples = world.looks()
    early, late = (scrape(world.assessed(samples, NOW.plus(after))) for after in (0.0, 40.0))
    before, after = (seen("drwatch_rpo_seconds", **SHOP_B, data="mysql") for seen in (early, late))
    assert before is not None
    assert after == pytest.approx(before + 40.0)
    proofs = [seen("drwatch_rpo_datum_timestamp_seconds", **SHOP_B, data="mysql") for seen in (early, late)]
    assert proofs[0] == proofs[1]


def test_an_exposure_stands_still_once_the_primary_is_proved_dead() -> None:
    gone = replace(world.host(NOW), processes=())
    samples = [
        *world.looks(NOW.plus(-1.0)),
        world.look(A, Probe.SERVER, Blind(Reason.REFUSED), NOW.plus(-0.5)),
        world.look(A, Probe.HOST, gone, NOW.plus(-0.4)),
    ]
    early, late = (scrape(world.assessed(samples, NOW.plus(after))) for after in (0.0, 40.0))
    figures = [seen("drwatch_rpo_seconds", **SHOP_B, data="mysql") for seen in (early, late)]
    assert figures[0] is not None
    assert figures[0] == figures[1]
    assert late("drwatch_rpo_frozen", **SHOP_B, data="mysql") == 1.0


def protection(samples: list[Sample]) -> set[str]:
    """The states whose series is 1; each state has one."""
    seen = scrape(world.assessed(samples))
    figures = {state: seen("drwatch_protection_state", cluster="shop", state=state) for state in State}
    assert set(figures.values()) == {0.0, 1.0}
    return {state for state, figure in figures.items() if figure}


def test_exactly_one_state_of_protection_is_set() -> None:
    assert protection(world.looks()) == {State.PROTECTED}
    gone = world.look(B, Probe.SERVER, Blind(Reason.REFUSED), NOW.plus(-0.1))
    assert protection([*world.looks(), gone]) == {State.UNPROTECTED}
    assert protection([]) == {State.UNKNOWN}


def test_an_unknown_exposure_is_an_absent_series_and_known_zero() -> None:
    seen = scrape(world.whole())
    labels = {"cluster": "dark", "node": "bergen-b", "data": "mysql"}
    assert seen("drwatch_rpo_known", **labels) == 0.0
    claims = [name for name, family in FAMILIES.items() if name.startswith("drwatch_rpo_") and "data" in family.labels]
    assert {name for name in claims if seen(name, **labels) is not None} == {"drwatch_rpo_known"}


def test_the_exposure_of_all_data_is_that_of_the_worst() -> None:
    policy = replace(world.POLICY, clusters=(replace(world.SHOP, files=(world.UPLOADS,)),))
    seen = scrape(world.assessed(world.looks(), policy=policy))
    files = seen("drwatch_rpo_seconds", **SHOP_B, data="files/uploads")
    assert files is not None
    assert files > (seen("drwatch_rpo_seconds", **SHOP_B, data="mysql") or math.inf)
    assert seen("drwatch_rpo_seconds", **SHOP_B, data="all") == files
    assert seen("drwatch_rpo_known", **SHOP_B, data="all") == 1.0


def test_the_exposure_of_all_data_is_unknown_as_soon_as_one_part_is() -> None:
    seen = scrape(world.whole())
    assert seen("drwatch_rpo_known", **SHOP_B, data="files/invoices") == 0.0
    assert seen("drwatch_rpo_known", **SHOP_B, data="all") == 0.0
    assert seen("drwatch_rpo_seconds", **SHOP_B, data="all") is None


def test_the_exposure_of_no_data_at_all_is_unknown() -> None:
    assert coherent(B, (), ()).claim.seconds is None


def test_a_file_set_that_never_had_a_marker_is_told_from_one_that_lost_it() -> None:
    lost = world.look(B, Probe.MARKER, Blind(Reason.CHANNEL_LOST), NOW.plus(1200.0), "uploads")
    seen = scrape(world.assessed([*world.looks(), lost], NOW.plus(1200.0)))
    known = {data: seen("drwatch_rpo_known", **SHOP_B, data=data) for data in ("files/uploads", "files/invoices")}
    measured = {data: seen("drwatch_files_measured", **SHOP_B, data=data) for data in known}
    assert known == {"files/uploads": 0.0, "files/invoices": 0.0}
    assert measured == {"files/uploads": 1.0, "files/invoices": 0.0}


def test_the_parts_of_the_recovery_time_add_up_and_name_their_basis() -> None:
    seen = scrape(world.whole())
    parts = {key: value for key, value in seen.named("drwatch_rto_component_seconds").items() if key[1] == "shop"}
    assert sum(parts.values()) == pytest.approx(seen("drwatch_rto_seconds", **SHOP_B))
    basis = {component: basis for basis, _, component, _ in parts}
    assert basis == {
        "detect": "measured",
        "decide": "measured",
        "drain": "derived",
        "promote": "measured",
        "switch": "measured",
        "warm": "derived",
    }


def test_what_recoveries_really_took_stands_beside_the_estimates() -> None:
    seen = scrape(world.whole())
    took = {
        component: seconds
        for component in ("detect", "decide", "drain", "promote", "switch", "repair")
        if (seconds := seen("drwatch_rto_actual_seconds", cluster="shop", component=component, kind="incident"))
    }
    assert took == {"detect": 6.0, "decide": 300.0, "drain": 12.0, "promote": 30.0, "switch": 60.0}
    assert seen("drwatch_rpo_actual_seconds", cluster="shop", kind="incident") == 1.4
    assert seen("drwatch_rpo_actual_seconds", cluster="dark", kind="incident") is None


def test_what_a_drill_took_is_told_apart_from_what_an_incident_took() -> None:
    seen = scrape(world.whole())
    took = seen.named("drwatch_rto_actual_seconds")
    drilled = {component: seconds for (_, component, kind), seconds in took.items() if kind == "drill"}
    assert drilled == {"drain": 4.0, "promote": 20.0, "switch": 60.0}
    assert seen("drwatch_rpo_actual_seconds", cluster="shop", kind="drill") == 0.8
    last = {kind: seen("drwatch_takeover_last_timestamp_seconds", cluster="shop", kind=kind) for kind in Kind}
    assert last[Kind.INCIDENT] - last[Kind.DRILL] == 23 * 86400 + 348 - 64


@pytest.mark.parametrize(("after", "value"), [(59, 1.0), (60, 0.0)])
def test_a_drill_is_announced_until_it_is_over(after: float, value: float) -> None:
    playing = replace(world.seen(world.looks()), drills=announced((), "shop", 60, NOW))
    seen = scrape(assess(playing, world.POLICY, frozenset(), NOW.plus(after)))
    assert seen("drwatch_drill_announced", cluster="shop") == value


def test_a_part_that_is_unknown_is_absent_and_takes_the_sum_with_it() -> None:
    samples = changed(world.looks(), Probe.REPLICATION, sql=False)
    seen = scrape(world.assessed(samples))
    components = {
        component for _, _, component, node in seen.named("drwatch_rto_component_seconds") if node == "oslo-b"
    }
    assert "drain" not in components
    assert "detect" in components
    assert seen("drwatch_rto_seconds", **SHOP_B) is None
    assert seen("drwatch_rto_known", **SHOP_B) == 0.0


@pytest.mark.parametrize(
    ("samples", "primary", "standby"),
    [
        pytest.param(world.looks(), (1.0, 0.0), (0.0, 1.0), id="as configured"),
        pytest.param(
            [*world.looks(), world.look(B, Probe.REPLICATION, ReplicationFact(()), NOW)],
            (1.0, 0.0),
            (1.0, 0.0),
            id="the standby was promoted",
        ),
        pytest.param(
            [*world.looks(writable=False), world.look(B, Probe.REPLICATION, ReplicationFact(()), NOW)],
            (1.0, 0.0),
            (0.0, 0.0),
            id="the standby replicates from nobody and takes no writes",
        ),
        pytest.param(
            [*world.looks(), world.look(A, Probe.SERVER, Blind(Reason.REFUSED), NOW)],
            (None, None),
            (0.0, 1.0),
            id="the primary is not seen",
        ),
        pytest.param(
            [sample for sample in world.looks() if sample.key.probe is not Probe.REPLICATION],
            (1.0, 0.0),
            (None, None),
            id="nobody has asked the standby yet whether it replicates",
        ),
    ],
)
def test_a_role_is_what_the_node_shows_and_absent_while_it_cannot_be_seen(
    samples: list[Sample], primary: tuple[float | None, ...], standby: tuple[float | None, ...]
) -> None:
    seen = scrape(world.assessed(samples))

    def roles(node: str) -> tuple[float | None, ...]:
        return tuple(seen("drwatch_node_role", cluster="shop", node=node, role=role) for role in ("primary", "standby"))

    assert roles("oslo-a") == primary
    assert roles("oslo-b") == standby
    assert seen("drwatch_node_role_configured", **SHOP_B, role="standby") == 1.0


def test_nothing_is_said_of_a_node_that_is_not_seen_now() -> None:
    """What it said a minute ago is history; only the age of that is told."""
    blind = Blind(Reason.CONNECT_TIMEOUT)
    lost = [world.look(B, probe, blind, NOW, target) for probe, target in ((Probe.SERVER, ""), (Probe.HOST, ""))]
    lost.append(world.look(B, Probe.REPLICATION, blind, NOW))
    seen = scrape(world.assessed([*world.looks(), *lost]))
    said = {each.name for each in seen.samples if each.labels.get("node") == "oslo-b"}
    of_node = ("drwatch_node_writable", "drwatch_replication_", "drwatch_relay_", "drwatch_io_", "drwatch_disk_")
    assert not {name for name in said if name.startswith(of_node)}
    assert seen("drwatch_probe_up", **SHOP_B, probe="host") == 0.0
    age = seen("drwatch_sample_age_seconds", **SHOP_B, probe="host")
    assert age is not None
    assert age > 0


def test_a_probe_with_several_targets_is_as_good_as_the_worst() -> None:
    seen = scrape(world.whole())
    assert seen("drwatch_probe_up", **SHOP_B, probe="marker") == 0.0
    assert seen("drwatch_probe_up", cluster="", node="witness", probe="reach") == 1.0


def test_a_dial_made_only_in_trouble_is_no_standing_probe() -> None:
    dialled = world.look(B, Probe.REACH, ReachFact(0.001), NOW.plus(-5.0), "10.0.0.1:22")
    assert scrape(world.assessed([*world.looks(), dialled]))("drwatch_probe_up", **SHOP_B, probe="reach") is None


def test_seconds_behind_is_absent_while_the_server_says_null() -> None:
    seen = scrape(world.assessed(changed(world.looks(), Probe.REPLICATION, seconds_behind=None, sql=False)))
    assert seen("drwatch_replication_seconds_behind", **SHOP_B) is None
    assert seen("drwatch_replication_sql_running", **SHOP_B) == 0.0
    assert seen("drwatch_replication_io_running", **SHOP_B) == 1.0


def test_a_clock_is_compared_with_the_middle_of_the_look() -> None:
    """Asked at 0, answered at 2 s, and the host's clock stood at 4 s: it is 3 s ahead, give or take one."""
    asked, answered = NOW, NOW.plus(2.0)
    fact = world.host(answered, ahead=2.0)
    sample = replace(world.look(A, Probe.HOST, fact, answered), asked=asked)
    seen = scrape(world.assessed([sample], NOW.plus(2.0)))
    assert seen("drwatch_clock_offset_seconds", cluster="shop", node="oslo-a") == pytest.approx(3.0)


def test_a_disk_without_io_has_no_waiting_time() -> None:
    assert {device for _, device, _ in scrape(world.whole()).named("drwatch_disk_await_seconds")} == {"sda"}


def test_every_condition_of_every_cluster_has_a_series_so_that_a_lost_one_is_not_a_healed_one() -> None:
    seen = scrape(world.whole())
    found = seen.named("drwatch_incident_firing")
    of_clusters = {
        (cluster, condition, SEVERITY[condition])
        for cluster in ("shop", "dark")
        for condition in set(Condition) - WITNESS_CONDITIONS
    }
    assert set(found) == of_clusters | {("", condition, SEVERITY[condition]) for condition in WITNESS_CONDITIONS}
    assert set(found.values()) == {0.0}


def open_incident(incidents: tuple[Incident, ...], condition: Condition) -> Incident:
    return next(each for each in incidents if each.condition is condition and each.phase is Phase.OPEN)


def test_an_incident_fires_while_it_is_open_and_not_explained_by_a_greater_one() -> None:
    assessment = world.whole()
    writable = open_incident(world.living(assessment), Condition.STANDBY_WRITABLE)
    labels = {"cluster": "shop", "condition": "StandbyWritable", "severity": "warning"}
    for incident, firing in (
        (writable, 1.0),
        (replace(writable, phase=Phase.SUSPECTED), 0.0),
        (replace(writable, suppressed_by=Condition.PRIMARY_DOWN), 0.0),
    ):
        assert scrape(assessment, [incident])("drwatch_incident_firing", **labels) == firing


def test_an_incident_that_somebody_has_in_hand_still_fires_and_no_longer_waits_for_an_answer() -> None:
    assessment = world.whole()
    writable = open_incident(world.living(assessment), Condition.STANDBY_WRITABLE)
    told = {"told_at": NOW.plus(-90.0), "confirmed": NOW.plus(-100.0)}
    grave = replace(writable, severity=Severity.CRITICAL, **told)
    ack = Ack(NOW.plus(-30.0), 3600.0, "anna", "socket", grave.condition, grave.severity)
    labels = {"cluster": "shop", "condition": "StandbyWritable", "severity": "critical"}
    for incident, in_hand, waits in ((grave, 0.0, 100.0), (replace(grave, acknowledged=ack), 1.0, 0.0)):
        seen = scrape(assessment, [incident])
        assert seen("drwatch_incident_firing", **labels) == 1.0
        assert seen("drwatch_incident_acknowledged", **labels) == in_hand
        assert seen("drwatch_incident_unanswered_seconds", cluster="shop") == waits
    calm = scrape(assessment, [replace(writable, **told)])
    assert calm("drwatch_incident_unanswered_seconds", cluster="shop") == 0.0


def test_what_nobody_is_told_of_is_counted_by_why() -> None:
    assessment = world.whole()
    one = replace(open_incident(world.living(assessment), Condition.STANDBY_WRITABLE), phase=Phase.OPEN)
    causes = {
        "explained": replace(one, suppressed_by=Condition.PRIMARY_DOWN),
        "silenced": replace(one, silence="SABCDE"),
        "quiet_hours": one,
        "flapping": replace(one, flaps=True),
        "acknowledged": replace(one, acknowledged=Ack(NOW, 3600.0, "anna", "socket", one.condition, one.severity)),
    }
    for why, incident in causes.items():
        held = {one.id: {"phone": NOW.wall}} if why == "quiet_hours" else {}
        seen = scrape(assessment, [incident], held=held).named("drwatch_incident_suppressed")
        assert {key for key, value in seen.items() if value} == {(why, "shop")}
        assert set(seen) == {(cause, cluster) for cause in causes for cluster in ("shop", "dark", "")}


def test_the_ledger_tells_how_long_its_oldest_page_has_waited() -> None:
    assessment = world.whole()
    incident = world.living(assessment)[0]
    rows = [world.row(incident, age=45.0), world.row(incident, channel="phone", age=300.0)]
    seen = scrape(assessment, rows=rows)
    assert seen("drwatch_page_ledger_pending") == 2.0
    assert seen("drwatch_page_oldest_due_seconds") == 300.0
    assert scrape(assessment)("drwatch_page_oldest_due_seconds") == 0.0


def test_the_critical_troubles_that_too_few_channels_have_taken_are_counted() -> None:
    for count in (0, 2):
        assert scrape(world.whole(), undelivered=count)("drwatch_page_critical_undelivered") == count


def test_a_channel_is_proven_when_it_last_accepted_and_never_before() -> None:
    seen = scrape(world.whole()).named("drwatch_channel_last_proven_timestamp_seconds")
    assert seen == {("phone",): NOW.plus(-3600.0).wall.timestamp()}


def test_the_time_of_the_judgement_is_told_and_no_clock_is_read() -> None:
    past = Moment(5.0, NOW.wall.replace(year=2025))
    seen = scrape(world.assessed(world.looks(past), past))
    assert seen("drwatch_assessment_timestamp_seconds") == past.wall.timestamp()
    assert (seen("drwatch_sample_age_seconds", **SHOP_B, probe="mysql") or 99.0) < 1.0


def test_a_name_with_quotes_and_newlines_stays_one_label() -> None:
    name = 'up"lo\\ads\n'
    files = replace(world.UPLOADS, name=name)
    policy = replace(world.POLICY, clusters=(replace(world.SHOP, files=(files,)),))
    assert (
        scrape(world.assessed(world.looks(), policy=policy))("drwatch_rpo_known", **SHOP_B, data=f"files/{name}") == 0
    )


def test_the_format_is_the_one_that_was_asked_for() -> None:
    source = exporter(world.whole())
    assert rendered(source)[1].startswith("text/plain; version=0.0.4")
    body, content_type = rendered(source, "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


async def test_a_scrape_of_fifty_pairs_holds_up_nobody() -> None:
    """The loop that draws them is the one that hears a server hang up: it must turn all the while."""
    source = exporter(world.many(50))
    scraping, turns = asyncio.create_task(source.render()), 0
    while not scraping.done():
        await asyncio.sleep(0)
        turns += 1
    # Drawn in the loop itself, the scrape would be over after one.
    assert turns > 5
