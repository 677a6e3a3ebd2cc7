"""A few hundred generated histories of the ledger; ``make bench BENCH=ledger-histories`` plays thousands."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from ledger_histories import Ledger


def test_whatever_the_channels_do_and_whenever_it_is_killed_no_page_is_lost() -> None:
    few = settings(max_examples=150, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Ledger, settings=few)
    assert Ledger.arrivals
    assert Ledger.deaths
