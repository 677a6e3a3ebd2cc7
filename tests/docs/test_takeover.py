"""The takeover of docs/runbooks.md, done as it is written on real servers: all that was received is there after it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.flavour import OLD
from drwatch.lab.pair import Pair
from drwatch.lab.replication import APPLICATION, drain, status
from drwatch.lab.server import Flavour

RUNBOOKS = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text()
BACKLOG = 40
"""Commits that the standby has received and not applied when its primary dies."""


def step(number: int) -> list[str]:
    """The SQL statements of one step of the takeover, in the order in which they stand there."""
    takeover = RUNBOOKS.partition("\n## Taking over\n")[2].partition("\n## ")[0]
    text = re.search(rf"^{number}\. (.*?)(?=^\d+\. |^\*\*|\Z)", takeover, re.DOTALL | re.MULTILINE)
    assert text, f"the takeover has no step {number}"
    words = r"`((?:START|STOP|CHANGE|SET GLOBAL|SELECT|SHOW) [^`]+;)`"
    return [" ".join(statement.split()) for statement in re.findall(words, text[1])]


def run(pair: Pair, line: str) -> list[dict[str, object]]:
    """Statements as a human would paste them, in the words that this server knows; the rows of the last."""
    words = pair.standby.words
    for old, new in ((OLD.coordinate, words.coordinate), (OLD.source, words.source), (OLD.replica, words.replica)):
        line = re.sub(rf"\b{old}(?=\b|_)", new, line)
    return [pair.standby.sql(statement) for statement in line.split("; ")][-1]


@pytest.fixture(params=[flavour for flavour in Flavour if not flavour.endswith("-position")], ids=str)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with Pair(request.param, rate=50) as pair:
        pair.primary.sql("CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.orders WHERE id = 0")
        until(lambda: bool(pair.standby.sql("SHOW EVENTS FROM shop")), within=10, what="the event on the standby")
        yield pair


def lag_then_die(pair: Pair) -> float:
    """The applier is stopped, a backlog comes, and the primary dies."""
    pair.standby.sql(f"STOP {pair.standby.words.replica} SQL_THREAD")
    target = len(pair.writer.acked) + BACKLOG
    until(lambda: len(pair.writer.acked) >= target, within=15, what="a backlog")
    return pair.primary.kill()


def promoted(pair: Pair, died_at: float) -> None:
    """Steps 6 to 12, and what is true after them."""
    drain(pair.standby)
    loss = pair.writer.loss_on(pair.standby, died_at)
    assert loss.transactions < BACKLOG / 2
    assert loss.seconds < 0.5
    binlog, mysql, mariadb = step(7)
    assert run(pair, binlog.removesuffix(";"))
    assert run(pair, (mariadb if pair.flavour.is_mariadb else mysql).removesuffix(";"))
    for number in (9, 10):
        for line in step(number):
            run(pair, line.removesuffix(";"))
    assert status(pair.standby) == {}
    (query,) = step(11)
    (printed,) = run(pair, query.removesuffix(";"))
    pair.standby.sql(str(*printed.values()).removesuffix(";"))
    assert run(pair, "SELECT STATUS AS s FROM information_schema.EVENTS WHERE EVENT_NAME = 'nightly'") == [
        {"s": "ENABLED"}
    ]
    with pair.standby.connect(*APPLICATION) as session:
        session.cursor().execute("INSERT INTO shop.orders VALUES (1, NOW(6), 'the first after the takeover')")


def test_what_was_received_is_applied_before_the_standby_is_opened(pair: Pair) -> None:
    died_at = lag_then_die(pair)
    start, stop, *_ = step(5)
    assert (start, stop) == ("START SLAVE SQL_THREAD;", "STOP SLAVE IO_THREAD;")
    run(pair, start.removesuffix(";"))
    run(pair, stop.removesuffix(";"))
    promoted(pair, died_at)


def test_with_both_threads_stopped_already_nothing_is_lost_either(pair: Pair) -> None:
    died_at = lag_then_die(pair)
    pair.standby.sql(f"STOP {pair.standby.words.replica}")
    state = status(pair.standby)
    # On MySQL a start of the applier alone does not touch the relay log.
    line = step(5)[-1 if pair.flavour.is_mariadb else 0]
    line = line.replace("RELAY_LOG_FILE='…'", f"RELAY_LOG_FILE='{state['Relay_Log_File']}'")
    line = line.replace("RELAY_LOG_POS=…", f"RELAY_LOG_POS={state['Relay_Log_Pos']}")
    assert "…" not in line
    run(pair, line.removesuffix(";"))
    promoted(pair, died_at)
