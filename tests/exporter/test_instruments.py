"""What only the process's own life can measure."""

from monitoring.world import A

from drwatch.core.paging import Killed, Outcome
from drwatch.core.sample import Key, Probe
from drwatch.exporter.instruments import LOOKS, TICKS, Instruments
from exporter.reading import scrape


def test_a_look_is_counted_in_the_bucket_of_its_duration() -> None:
    instruments = Instruments()
    instruments.looked(Key(A, Probe.MARKER, "uploads"), 0.003)
    instruments.looked(Key(A, Probe.MARKER, "invoices"), 7.0)
    seen = scrape(None, instruments=instruments)
    labels = {"cluster": "shop", "node": "oslo-a", "probe": "marker"}
    assert seen("drwatch_probe_duration_seconds_bucket", **labels, le="0.0025") == 0.0
    assert seen("drwatch_probe_duration_seconds_bucket", **labels, le="0.005") == 1.0
    assert seen("drwatch_probe_duration_seconds_bucket", **labels, le="+Inf") == 2.0
    assert seen("drwatch_probe_duration_seconds_sum", **labels) == 7.003


def test_a_tick_is_counted() -> None:
    instruments = Instruments()
    instruments.ticked(0.002)
    assert scrape(None, instruments=instruments)("drwatch_tick_duration_seconds_count") == 1.0


def test_a_channel_is_there_with_nothing_sent_so_that_its_first_failure_is_an_increase() -> None:
    instruments = Instruments(["phone"])
    assert set(scrape(None, instruments=instruments).named("drwatch_pages_total").values()) == {0.0}
    instruments.paged("phone", Outcome.FAILED)
    assert scrape(None, instruments=instruments)("drwatch_paging_channels") == 1.0
    instruments.expect(["phone", "sms"])
    assert scrape(None, instruments=instruments)("drwatch_paging_channels") == 2.0
    seen = scrape(None, instruments=instruments).named("drwatch_pages_total")
    assert seen["phone", "failed"] == 1.0
    assert {key for key, value in seen.items() if value == 0.0} == {
        *(("phone", each) for each in Outcome if each is not Outcome.FAILED),
        *(("sms", each) for each in Outcome),
    }


def test_what_had_to_be_killed_is_counted_from_zero() -> None:
    instruments = Instruments()
    assert scrape(None, instruments=instruments).named("drwatch_courier_kills_total") == {
        ("attempt",): 0.0,
        ("courier",): 0.0,
    }
    instruments.killed(Killed.ATTEMPT)
    seen = scrape(None, instruments=instruments).named("drwatch_courier_kills_total")
    assert seen == {("attempt",): 1.0, ("courier",): 0.0}


def test_two_sets_of_instruments_know_nothing_of_each_other() -> None:
    first, second = Instruments(), Instruments()
    first.ticked(0.1)
    assert scrape(None, instruments=second)("drwatch_tick_duration_seconds_count") == 0.0


def test_no_series_says_when_an_instrument_was_born() -> None:
    instruments = Instruments(["phone"])
    instruments.looked(Key(A, Probe.SERVER), 0.1)
    assert not [name for name in scrape(None, instruments=instruments).names if name.endswith("_created")]


def test_the_buckets_rise() -> None:
    assert all(list(each) == sorted(set(each)) for each in (LOOKS, TICKS))
