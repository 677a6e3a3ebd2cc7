"""The votes that people were told by are kept, whatever is seen later."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from ledger import at, incident, row

from drwatch.core.evidence import Vote
from drwatch.core.finding import Condition
from drwatch.core.incident import Phase
from drwatch.store import Store, read_account

Opened = Callable[..., Awaitable[Store]]
REFUSED = Vote("witness, database", "refused", "witness: 10.0.0.1:3306 refuses the connection", 0.4, True)
STALE = Vote("standby oslo-b, receiver", "unknown", "standby: oslo-b could not be asked since", None, False)


async def test_what_was_voted_first_under_a_condition_stays(opened: Opened, path: Path) -> None:
    store = await opened()
    first = replace(incident(), votes=(REFUSED, STALE))
    await store.commit([first], [row()])
    await store.commit([replace(first, votes=(STALE,), last_true=at(9))], [])
    hung = replace(first, condition=Condition.PRIMARY_HUNG, votes=(STALE,), last_true=at(12))
    await store.commit([hung], [])
    await store.commit([replace(hung, phase=Phase.RESOLVED, votes=(), ended=at(60))], [])
    account = read_account(path, "ABCDEF")
    assert account is not None
    assert [(each.condition, each.votes) for each in account.ballots] == [
        (Condition.PRIMARY_DOWN, (REFUSED, STALE)),
        (Condition.PRIMARY_HUNG, (STALE,)),
    ]
    assert account.past.phase is Phase.RESOLVED
    assert [page.event for page in account.pages] == ["ABCDEF.1"]


async def test_two_incidents_of_one_name_keep_their_votes_apart(opened: Opened, path: Path) -> None:
    store = await opened()
    await store.commit([replace(incident(), votes=(REFUSED,))], [])
    await store.commit([replace(incident(began=900.0), votes=(STALE,))], [])
    account = read_account(path, "ABCDEF")
    assert account is not None
    assert [each.votes for each in account.ballots] == [(STALE,)]


async def test_an_incident_without_votes_has_its_evidence(opened: Opened, path: Path) -> None:
    store = await opened()
    await store.commit([incident()], [])
    account = read_account(path, "ABCDEF")
    assert account is not None
    assert (account.ballots, account.evidence) == ((), incident().evidence)
    assert read_account(path, "NOSUCH") is None
