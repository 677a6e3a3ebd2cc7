"""How often a server that refuses us is dialled: seldom enough never to be worn down."""

import asyncio
from itertools import pairwise

from watching import Listen, Witness, why

from drwatch.core.sample import Reason, Sample
from drwatch.probes.mysql.pace import Pace, Vain


def dials(pace: Pace, until: float, *, connected: bool) -> list[float]:
    """When a pace that is asked all the time lets dials start that all fail."""
    started, at = [], 0.0
    while (at := at + pace.wait(at)) < until:
        pace.dialled(at)
        pace.failed(connected=connected)
        started.append(at)
    return started


def test_a_refused_dial_is_tried_each_second_five_times_and_then_each_fifth() -> None:
    assert dials(Pace(Vain()), 30, connected=False) == [0, 1, 2, 3, 4, 5, 10, 15, 20, 25]


def test_after_twenty_dials_that_connected_in_vain_there_is_one_a_minute() -> None:
    """Six quick ones, fourteen of five seconds, which ends at 75 s; then minutes. 100 would block our address."""
    started = dials(Pace(Vain()), 5 * 86_400, connected=True)
    assert started[19] == 75
    assert [later - earlier for earlier, later in pairwise(started[19:31])] == [60.0] * 11
    assert len(started) < 100, "a long weekend of them does not reach max_connect_errors"


def test_dials_in_vain_are_counted_over_all_connections_to_the_server() -> None:
    vain = Vain()
    dials(Pace(vain), 200, connected=True)
    other = Pace(vain)
    other.dialled(0.0)
    assert other.wait(1.0) == 59.0


def test_refusals_that_never_reached_the_server_are_not_in_vain() -> None:
    vain = Vain()
    dials(Pace(vain), 3600, connected=False)
    assert vain.count == 0


def test_a_good_login_wipes_the_slate() -> None:
    pace = Pace(Vain())
    dials(pace, 500, connected=True)
    pace.dialled(500.0)
    pace.logged_in()
    assert pace.wait(501.0) == 0
    assert pace.vain.count == 0


def test_a_lost_connection_may_be_dialled_at_once_but_not_twice_within_a_second() -> None:
    pace = Pace(Vain())
    pace.dialled(10.0)
    pace.logged_in()
    pace.lost(10.1)
    assert pace.wait(10.1) == 0
    pace.dialled(10.1)
    pace.logged_in()
    pace.lost(10.2)
    assert 0 < pace.wait(10.2) <= 1


def test_a_dial_that_a_dying_process_accepted_is_repeated_in_a_moment_but_not_for_ever() -> None:
    """At its end a process closes its sessions one by one, its port perhaps last."""
    pace = Pace(Vain())
    pace.dialled(0.0)
    pace.logged_in()
    pace.lost(100.0)
    at, waits = 100.0, []
    for _ in range(6):
        pace.dialled(at)
        pace.failed(connected=True, slammed=True)
        waits.append(round(pace.wait(at), 3))
        at += waits[-1]
    assert waits == [0.03, 0.03, 0.03, 0.03, 1.0, 5.0]


def test_a_peer_that_slams_every_dial_and_never_let_us_in_is_given_no_quick_ones() -> None:
    pace = Pace(Vain())
    pace.dialled(0.0)
    pace.failed(connected=True, slammed=True)
    assert pace.wait(0.0) == 1.0


async def test_looks_without_pause_dial_a_refusing_peer_no_more_than_the_pace_lets_them(
    witness: Witness, peer: Listen
) -> None:
    """Between two dials the same sample comes again, with that dial's own moments: it is no second testimony."""
    dialled = []

    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.append(asyncio.get_running_loop().time())

    watching = witness(host="127.0.0.1", port=await peer(slam))
    samples: list[Sample] = []
    loop = asyncio.get_running_loop()
    started = loop.time()
    while loop.time() - started < 2.5:
        for look in watching.looks:
            samples.append(await look.look())
            await asyncio.sleep(0)
    assert len(dialled) == 3
    assert all(later - earlier >= 0.99 for earlier, later in pairwise(dialled))
    assert {why(sample).reason for sample in samples} == {Reason.HUNG_UP}
    assert len({sample.asked.loop for sample in samples}) == 3
    assert len(samples) > 100
    assert "the next dial is due in" in samples[3].notes[0]
    assert "refuses the other connection" in samples[4].notes[0]
