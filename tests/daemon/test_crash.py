"""A real drwatch, its store and its courier, killed between what it saw and a phone; crash-campaign has the rest.

How soon it is sent again is measured there, and for a stop in test_process: it is mostly the interpreter's start.
"""

import pytest

from drwatch.lab.crashing import crash
from drwatch.lab.failpoints import FAILPOINTS, Failpoint

pytestmark = pytest.mark.timeout(180)

CHOSEN = (
    "committing: before what was decided",
    "committing: before COMMIT",
    "committing: after COMMIT",
    "sending: the provider has accepted",
    "resolving: after it is committed",
)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_kill_loses_no_page_and_costs_one_copy_at_most(name: str) -> None:
    told = crash(FAILPOINTS[name])
    assert told.killed == 1, "the place was reached"
    assert (told.lost, told.extra, told.unaccounted) == ((), (), ())
    assert told.copies <= 1
    assert told.ids, "a copy has the event id of the first"


def test_there_are_as_many_places_as_were_asked_for_and_each_is_in_the_program() -> None:
    assert len(FAILPOINTS) >= 25
    assert [each.name for each in FAILPOINTS.values() if not callable(getattr(each.owner, each.function))] == []


def test_a_failpoint_is_of_the_lab_alone() -> None:
    assert Failpoint.__module__ == "drwatch.lab.failpoints", "which the rooms' walls keep out of everything but the CLI"
