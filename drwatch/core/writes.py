"""Whether a server's writes get anywhere: read off the counters of its fast look, without a privilege.

A held connection answers in a millisecond while every write waits for a lock or a full disk. What gives
it away: write statements are counted when they begin, threads run that did not, and the position stands still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from drwatch.core.sample import Moment, ServerFact

GAP = 5.0
"""Seconds between two looks beyond which nothing is known of the time between them."""

HABIT = 0.99
"""What is left, at each movement, of the longest pause that was seen between two."""

LONGEST = 60.0
"""Seconds: a longer pause is no habit to wait for."""

CREEP = 0.1
"""Threads a look by which the level of running threads follows a rise that no write explains."""

LATELY = 0.8
"""What is left of the flow of writes from look to look: of a steady one, five seconds' worth."""

GIVE_UPS = 4
"""Writes of that flow for each thread that waits, beyond which they end after all and only change nothing."""

READING = 1000
"""Rows read between two looks, by which a single thread more at work is a report and not a writer that waits."""

MOVES = 5
"""Movements after which a server's habits are known."""


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes of one server over its looks. Level and marks follow it while it is well."""

    at: Moment
    position: tuple[object, ...]
    """What moves when it commits: its own word on its position, else its count of rows; all None where it says none."""
    rows: int | None
    moved_at: Moment
    """When the position was last seen to be another."""
    begun: int
    """Write statements begun since its start."""
    done: int
    """As many of them had begun when last none can have been under way."""
    running: int
    """Threads at work, this look's own and the standbys' among them."""
    level: float
    """Threads at work while no write is held up."""
    unfinished_since: Moment | None = None
    """The look from which on each has found nothing moved, and writes begun with threads at work beyond the level.

    Or one that waits for a standby's acknowledgement, which leaves no doubt.
    """
    unacknowledged: bool = False
    """At the newest look one does."""
    flow: float = 0.0
    """Writes that began of late, each counted less with each look."""
    read: int | None = None
    """Rows read since its start."""
    usual_read: float = 0.0
    """The most rows read from one look to the next while it committed, fading: other monitors read at each scrape."""
    moves: int = 0
    pause: float = 0.0
    """The longest pause between two movements, seconds, fading."""
    refused: int | None = None
    """Connection_errors_max_connections."""
    refused_at: Moment | None = None
    """The look that last found newcomers turned away since the look before."""
    uptime: float = 0.0

    @property
    def still(self) -> float:
        """Seconds, at the newest look, since the position was last seen to move."""
        return self.at - self.moved_at

    @property
    def held_up(self) -> float:
        """Seconds for which each look has found writes that do not end; 0 within the server's own habits."""
        if self.unfinished_since is None:
            return 0.0
        usual = self.moves < MOVES or self.still < 3 * self.pause
        return 0.0 if usual and not self.unacknowledged else self.at - self.unfinished_since

    @property
    def known(self) -> bool:
        """Whether it can be seen to commit at all."""
        return any(part is not None for part in self.position)

    def after(self, fact: ServerFact, at: Moment) -> Writes:
        if fact.writes_begun is None or fact.threads_running is None or fact.uptime < self.uptime:
            return first(fact, at)
        position = _position(fact)
        running, gap = fact.threads_running, at - self.at
        moved = position != self.position
        worked = moved or fact.rows_written != self.rows
        more = running > self.level
        flow = self.flow * LATELY + fact.writes_begun - self.begun
        ends = flow > GIVE_UPS * (running - self.level)
        read = 0 if fact.rows_read is None or self.read is None else fact.rows_read - self.read
        report = read >= max(READING, 2 * self.usual_read) and running - self.level < 2
        still = not worked and gap <= GAP
        # The thread that fed the standby has gone from those at work, as likely as not.
        unacknowledged = still and fact.semi_sync is not None and fact.semi_sync.waiting > 0
        held_up = unacknowledged or (more and still and fact.writes_begun > self.done and not ends and not report)
        pause = self.pause
        if moved and gap <= GAP and self.unfinished_since is None:
            pause = min(LONGEST, max(at - self.moved_at, pause * HABIT))
        seen = replace(
            self,
            at=at,
            position=position,
            rows=fact.rows_written,
            begun=fact.writes_begun,
            running=running,
            moved_at=at if moved else self.moved_at,
            moves=self.moves + moved,
            pause=pause,
            refused=fact.connections_refused,
            refused_at=at if (fact.connections_refused or 0) > (self.refused or 0) else self.refused_at,
            uptime=fact.uptime,
            read=fact.rows_read,
            usual_read=max(read, self.usual_read * HABIT) if moved else self.usual_read,
            unacknowledged=unacknowledged,
        )
        if held_up:
            return replace(seen, unfinished_since=self.unfinished_since or at, flow=flow)
        level = min(float(running), self.level + CREEP)
        if not worked and (fact.writes_begun == self.done or (more and ends)):
            # No write has begun, or those that have do end: whatever runs reads, as a dump or a report does.
            level = float(running)
        # With more at work than usual the newest of them may be the first that hang.
        done = self.begun if more and worked else fact.writes_begun
        return replace(seen, done=done, level=level, unfinished_since=None, flow=0.0 if worked else flow)


def _position(fact: ServerFact) -> tuple[object, ...]:
    # A size that the host reads beside it comes later than the counters that it would be compared with.
    position = (fact.gtid, fact.binlog)
    return position if any(part is not None for part in position) else (fact.rows_written,)


def first(fact: ServerFact, at: Moment) -> Writes:
    """What one look alone says: where everything stands."""
    begun, running = fact.writes_begun or 0, fact.threads_running or 0
    return Writes(
        at=at,
        position=_position(fact),
        rows=fact.rows_written,
        moved_at=at,
        begun=begun,
        done=begun,
        running=running,
        level=float(running),
        refused=fact.connections_refused,
        uptime=fact.uptime,
        read=fact.rows_read,
    )
