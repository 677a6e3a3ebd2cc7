"""The running watch: what was seen is judged, written down and told here, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo

from drwatch.core import drill, proving
from drwatch.core.ahead import put_right
from drwatch.core.assessment import Assessment, assess
from drwatch.core.audit import Check, audit
from drwatch.core.blackbox import Death, Record, records
from drwatch.core.dating import date
from drwatch.core.decision import decisions
from drwatch.core.delivery import Address, addresses, off_duty, order, undelivered, unsettled
from drwatch.core.drill import Drill
from drwatch.core.flapping import flap
from drwatch.core.incident import ENDED, Incident, Phase, advance, awake
from drwatch.core.job import Said
from drwatch.core.memory import memory, recall, turns
from drwatch.core.paging import Held, Page, Row, RowState, held_back, page
from drwatch.core.policy import NodePolicy, Policy
from drwatch.core.readdressed import readdressed
from drwatch.core.reconfigured import reconfigured
from drwatch.core.roles import learn
from drwatch.core.rota import Duty
from drwatch.core.sample import Blind, Moment, Sample, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.waiting import answered, away, withdrawn, withheld
from drwatch.daemon.acknowledging import Acknowledging
from drwatch.daemon.clock import Clock
from drwatch.daemon.delivery import Delivering
from drwatch.daemon.digesting import Digesting
from drwatch.daemon.forgetting import forget
from drwatch.daemon.keeping import Keeping
from drwatch.daemon.legacy import Legacy, inherit
from drwatch.daemon.looking import Looking
from drwatch.daemon.parts import Ledger, Look, Measures, Wording
from drwatch.daemon.silencing import Silencing
from drwatch.paging.words import Words
from drwatch.store import Loaded, StoreError

log = logging.getLogger("drwatch")

TICK = 1.0
"""Seconds between two judgements when nothing comes in."""

REMEMBER = 5.0
"""Seconds between two writings of the memory, when nothing calls for one at once."""

FAREWELL = 1.0
"""Seconds that the last one may take when the watch ends: whoever stops drwatch waits for it."""


class Daemon:
    """Watches what ``looks`` see under ``policy``; ``chance`` draws from 0..1, ``asleep`` is for how many seconds the
    machine has slept."""

    def __init__(
        self,
        policy: Policy,
        looks: Iterable[Look],
        delivering: Delivering,
        ledger: Ledger,
        clock: Clock,
        zone: tzinfo,
        measures: Measures,
        chance: Callable[[], float],
        before: Legacy = Legacy(),  # noqa: B008 - immutable
        words: Wording | None = None,
        asleep: Callable[[], float] = float,
    ) -> None:
        self._policy, self._ledger, self._clock, self._zone = policy, ledger, clock, zone
        self._measures = measures
        self._words = words or Words(policy.paging, zone)
        self._looking = Looking(looks, clock, chance, measures, self._keep)
        self._kept = asyncio.Event()
        self._delivering = delivering
        self._keeping = Keeping(ledger)
        self._turned = asyncio.Event()
        """Something was seen that is to be remembered at once."""
        self._remembered: tuple[object, ...] | None = None
        """The turns that the ledger knows of; None before it has taken any."""
        self._taken = True
        """Whether it took the last memory."""
        snapshot, self._before = before.snapshot, before
        self._boxed: frozenset[Death] = frozenset()
        """Deaths of which there is a record, written or still to be."""
        self._records: tuple[Record, ...] = ()
        """For the black box, and not in it yet."""
        self.snapshot = replace(
            snapshot,
            sights={key: sight for key, sight in snapshot.sights.items() if key in self._looking.keys},
            channels={name: health for name, health in snapshot.channels.items() if name in policy.paging.channels},
        )
        self._digesting = Digesting(policy.paging, zone, ledger)
        self.silencing = Silencing(policy, zone, ledger, clock, self._kept.set, asleep)
        self.acknowledging = Acknowledging(policy.paging.acknowledged, self._kept.set)
        self.assessment: Assessment | None = None
        self.incidents: tuple[Incident, ...] = ()
        self._started: Moment | None = None
        self.ticks = 0
        """Judgements completed; the watchdog is fed from it."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """Ledger rows that are not settled."""
        return self._delivering.rows

    @property
    def duties(self) -> tuple[Duty, ...]:
        """Who is on duty now, on each rota."""
        return tuple(rota.duty(self._clock().wall) for rota in self._policy.paging.rotas)

    @property
    def held(self) -> Held:
        """By incident the channels from which quiet hours keep a page of it, and until when, as of the last tick."""
        if self.assessment is None:
            return {}
        paging, settle, now = self._policy.paging, self._policy.confirm.conclusive, self.assessment.at
        return {each.id: held for each in self.incidents if (held := held_back(each, paging, settle, now))}

    def audit(self) -> Mapping[Check, str]:
        """All that keeps drwatch from saying that it would wake somebody now; empty when it would."""
        now, started = self._clock(), self._started
        if started is None:
            return {Check.JUDGING: "nothing has been judged yet"}
        turns = self._looking.turns(started)
        return audit(self.assessment, self.incidents, self.rows, turns, self._policy, self._zone, started, now)

    @property
    def undelivered(self) -> int:
        """Critical incidents that too few channels have taken a page of."""
        return len(undelivered(self.incidents, self._delivering.reach))

    async def run(self) -> None:
        """Watch until cancelled; what is under way is then ended and stays due in the ledger."""
        self._started = self._clock()
        loaded = await inherit(self._before, self._ledger, self._clock())
        now = self._clock()
        incidents = awake(loaded.incidents, max(0.0, now - loaded.memory.at))
        waiting = readdressed(loaded.rows, self._policy.paging, self._zone, now)
        self.incidents, gone = reconfigured(incidents, self._policy, waiting, loaded.reach)
        self._keeping.decided = loaded.decided
        pending = [each for each in self.incidents if each.phase is Phase.SUSPECTED]
        if pending or gone:
            written = {each.id: each for each in (*pending, *gone)}
            decided = decisions(loaded.decided, gone, written, (), (), self._policy, now)
            await self._keeping.commit(written, decided, (), (), now)
        self._say(gone)
        unwatched = frozenset(each.id for each in gone)
        self._boxed = loaded.boxed
        self.silencing.load(loaded.silences)
        if loaded is self._before.known:
            await self._take_over(self._before, now)
        if self._before.snapshot == Snapshot():
            nodes = {node.node for cluster in self._policy.clusters for node in cluster.nodes}
            self.snapshot = recall(loaded.memory, nodes, now)
        # A row of it may have been written when the memory was not.
        self.snapshot = replace(self.snapshot, digested=max(self.snapshot.digested, loaded.digested))
        try:
            async with asyncio.TaskGroup() as tasks:
                self._delivering.start(
                    tasks,
                    self._told,
                    lambda row: answered(row, self.incidents, unwatched),
                    self._withheld,
                    lambda: order(self._policy.paging, self._clock().wall),
                    lambda: off_duty(self._policy.paging, self._clock().wall),
                )
                await self._delivering.resume(waiting, loaded.reach)
                self._looking.start(tasks)
                tasks.create_task(self._judge(), name="judge")
                tasks.create_task(self._remember(), name="remember")
                tasks.create_task(forget(self._ledger, self._policy.keep, self._clock), name="forget")
        finally:
            self._delivering.cut_off()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._write_down(), FAREWELL)
            await asyncio.gather(self._delivering.close(), self._looking.close(), return_exceptions=True)

    @property
    def legacy(self) -> Legacy:
        """What the watch that takes this one's place begins with."""
        marks, changes = self._delivering.owed, self._keeping.owed
        known = Loaded(
            incidents=self.incidents,
            rows=self._delivering.events,
            memory=memory(self.snapshot, self._clock()),
            boxed=self._boxed,
            silences=self.silencing.known,
            digested=self.snapshot.digested,
            reach={each.id: self._delivering.reach(each.id) for each in self.incidents},
            decided=self._keeping.decided,
        )
        taken = self._taken and not marks and not changes
        return Legacy(self.snapshot, known, changes, self._keeping.lines, marks, self._records, taken)

    async def _take_over(self, before: Legacy, now: Moment) -> None:
        """Offer to the ledger what it has not taken of an earlier watch, or may not have."""
        changes = {**{each.id: each for each in self.incidents}, **before.changes}
        self._keeping.offer(changes, before.decided, now)
        self._delivering.owe(before.marks)
        self._records = before.records
        await self.silencing.write()

    def _withheld(self, row: Row) -> bool:
        # Before the first judgement nobody knows what is so.
        judged = self.assessment
        return judged is None or withheld(row, self.incidents, judged.at, self._started, self.snapshot.away)

    def _keep(self, sample: Sample) -> None:
        before = self.snapshot.sights.get(sample.key)
        self._turn(self.snapshot.keep(sample))
        self._kept.set()
        if isinstance(sample.found, ServerFact):
            self._looking.point(sample.key.node, sample.found)
        was, now = before and before.blind, sample.found if isinstance(sample.found, Blind) else None
        if (was and was.reason) != (now and now.reason) and (before is not None or now is not None):
            subject = " ".join(filter(None, (sample.key.node.name, str(sample.key.probe), sample.key.target)))
            if now is None:
                log.info("%s sees again", subject, extra={"event": "probe", "state": "up"})
            else:
                words = f"{now.reason}: {now.detail}" if now.detail else str(now.reason)
                log.warning("%s is blind: %s", subject, words, extra={"event": "probe", "state": "blind"})

    def _turn(self, snapshot: Snapshot) -> None:
        """Go on with this snapshot, and see that what must not be lost of it is written down at once."""
        before, self.snapshot = self.snapshot, snapshot
        if snapshot is not before and turns(snapshot) != turns(before):
            self._turned.set()

    def _told(self, channel: str, accepted: bool, refused: bool, detail: str) -> None:
        self.snapshot = self.snapshot.told(channel, accepted, refused, detail, self._clock())
        self._kept.set()

    def heard(self, cluster: str, job: str, said: Said) -> None:
        """A job on a node says that it has begun, is done, or has failed."""
        self._turn(self.snapshot.heard(cluster, job, said, self._clock()))
        self._kept.set()

    def rebuilt(self, cluster: str, node: str) -> str | None:
        """An operator says that this standby was rebuilt from its primary: PrimaryRewound is over for it.

        What follows, in a sentence; None where there is no such standby.
        """
        standby = next((each.node for each in self._nodes(cluster) if each.node.name == node), None)
        if standby is None:
            return None
        tainted = any(standby in line.rewound for line in self.snapshot.timelines.values())
        self.snapshot = self.snapshot.rebuilt(standby)
        self._turned.set()
        self._kept.set()
        log.warning("%s was rebuilt, says an operator", node, extra={"event": "rebuilt"})
        if not tainted:
            return f"nothing was held against {node}: what it had received before is forgotten"
        return f"{node} counts again: what would be lost with it is known from its next look on"

    def drill(self, cluster: str, seconds: float) -> Drill | None:
        """An operator announces a drill of so many seconds from now, or ends it with none; what is on or was, then.

        None where there is no such cluster, or nothing to end.
        """
        now, drills = self._clock(), self.snapshot.drills
        before = drill.running(drills, cluster, now)
        if not any(each.name == cluster for each in self._policy.clusters) or (seconds <= 0 and before is None):
            return None
        after = drill.announced(drills, cluster, seconds, now) if seconds > 0 else drill.ended(drills, cluster, now)
        self.snapshot = replace(self.snapshot, drills=after)
        self._turned.set()
        self._kept.set()
        said = next(each for each in reversed(after) if each.cluster == cluster)
        words = f"until {said.until.wall:%Y-%m-%d %H:%M:%S%z}" if seconds > 0 else "is over"
        log.warning("the drill of %s %s, says an operator", cluster, words, extra={"event": "drill"})
        return said

    def _nodes(self, cluster: str) -> Iterable[NodePolicy]:
        return (node for each in self._policy.clusters if each.name == cluster for node in each.nodes)

    async def _judge(self) -> None:
        while True:
            self._kept.clear()
            await self._tick()
            try:
                async with asyncio.timeout(TICK):
                    await self._kept.wait()
            except TimeoutError:
                continue

    async def _tick(self) -> None:
        unread = not self.ticks and self._before.known is None
        if (anew := self._keeping.anew(self.snapshot, self.incidents, unread, self._clock())) is not None:
            self.snapshot, self._remembered = anew, None
            await self.silencing.write()
        silences = await self.silencing.turn(self._clock())
        now = self._clock()
        self._turn(put_right(self.snapshot, now))
        opened = [incident for incident in self.incidents if incident.phase is Phase.OPEN]
        firing = frozenset(key for each in opened for key in (each.key, (each.cluster, each.condition, each.subject)))
        assessment = assess(self.snapshot, self._policy, firing, now, silences)
        self._turn(learn(self.snapshot, assessment.snapshot))
        incidents = self.incidents = self.acknowledging.turn(self.incidents, now)
        taken = self.acknowledging.taken
        if taken:
            # Whatever becomes of writing it down: a page more is what nobody wants now.
            self._delivering.stir()
        step = advance(incidents, assessment, self._policy, now)
        step, flaps = flap(incidents, step, assessment, self._policy, now)
        ended = tuple(incident for incident in step.changed if incident.phase in ENDED)
        told: dict[str, Incident] = {}
        rows: list[Row] = []
        for before in (*step.living, *ended):
            incident = withdrawn(before, self._delivering.reach(before.id))
            if incident is not before:
                told[incident.id] = incident
            event = page(incident, self._policy.paging, self._policy.confirm.conclusive, now)
            if event is not None:
                told[incident.id] = event.incident
                rows += self._rows(event, assessment, now)
        living = tuple(told.get(incident.id, incident) for incident in step.living)
        changed = {each.id: each for each in living if each.id in taken}
        changed |= {incident.id: incident for incident in step.changed} | told
        known = {incident.id: incident for incident in living} | changed
        decided = decisions(self._keeping.decided, known.values(), changed, rows, self.rows, self._policy, now)
        # One that only stands otherwise is written too: its line and it say the same.
        changed |= {line.incident: known[line.incident] for line in decided}
        # Before anything is awaited: a test may be accepted meanwhile. What may not leave tells nothing of a channel.
        leaving = (row for row in self.rows if not self._withheld(row))
        waiting = {row.channel for row in (*leaving, *unsettled(rows))}
        snapshot, tests = proving.turn(self.snapshot, self._policy.paging, self._zone, now, waiting)
        self._turn(snapshot)
        digested, digest = await self._digesting.turn(self.snapshot.digested, living, now)
        rows += [*digest, *tests]
        if changed or rows or self._keeping.due(now):
            broken = await self._keeping.commit(changed, decided, rows, self._delivering.events, now)
            if broken is not None:
                self.snapshot = self.snapshot.unwritten(str(broken), now)
        self.incidents, self.assessment = living, assessment
        self._put_down(records(assessment, living, self._boxed))
        outages = date(self.snapshot.outages, assessment, living)
        seen = self.snapshot
        gone = away(living, seen.away, now)
        if (outages, flaps, digested, gone) != (seen.outages, seen.flaps, seen.digested, seen.away):
            self._turn(replace(seen, outages=outages, flaps=flaps, digested=digested, away=gone))
        self._say(step.changed)
        self.acknowledging.settle()
        self._delivering.take(rows)
        self._delivering.stir()
        if ended:
            self._delivering.forget(incident.id for incident in living)
        self._looking.wake(assessment.wanted, now)
        self.ticks += 1
        self._measures.ticked(self._clock() - now)

    def _rows(self, event: Page, assessment: Assessment, now: Moment) -> Iterator[Row]:
        for address in addresses(event, self._policy.paging, self._delivering.reach(event.incident.id)):
            yield self._row(replace(event, reason=address.reason), address, assessment, now)

    def _row(self, event: Page, address: Address, assessment: Assessment, now: Moment) -> Row:
        message = self._words.write(event, assessment, address.channel)
        short = address.channel in self._policy.paging.short
        return Row(
            event=event.event,
            channel=address.channel,
            incident=event.incident.id,
            reason=event.reason,
            severity=event.incident.severity,
            title=message.short if short else message.title,
            body="" if short else message.body,
            created=now,
            due=now,
            state=RowState.RESERVE if address.reserve else RowState.DUE,
            alert=event.alert,
        )

    async def _remember(self) -> None:
        """Write down what a later run's claims rest on; in a task of its own, so that no page waits for it."""
        while True:
            self._turned.clear()
            taken = await self._write_down()
            try:
                async with asyncio.timeout(REMEMBER):
                    # On a dead disk a turn would only be refused again at once.
                    await (self._turned.wait() if taken else asyncio.sleep(REMEMBER))
            except TimeoutError:
                continue

    def _put_down(self, found: tuple[Record, ...]) -> None:
        """Keep what was known at a death as it is now; it is written as soon as the disk takes it."""
        for record in found:
            # Where the disk is dead, the log may be all that is left of it.
            words = "" if self._taken else f": {json.dumps(record.body, ensure_ascii=False)}"
            log.warning("%s is proved dead%s", record.death.node.name, words, extra={"event": "blackbox"})
            self._boxed |= {record.death}
            self._records += (record,)
            self._turned.set()

    async def _write_down(self) -> bool:
        seen, boxes = self.snapshot, self._records
        turned = bool(boxes) or turns(seen) != self._remembered
        try:
            await self._ledger.remember(memory(seen, self._clock()), turned, boxes)
        except StoreError as broken:
            if self._taken:
                log.error("the memory cannot be written: %s", broken, extra={"event": "ledger"})
            self._taken = False
            self.snapshot = self.snapshot.unwritten(str(broken), self._clock())
        else:
            self._remembered, self._taken = turns(seen), True
            self._records = self._records[len(boxes) :]
            self.snapshot = self.snapshot.written()
            await self._delivering.pay()
        return self._taken

    def _say(self, changed: Iterable[Incident]) -> None:
        for incident in changed:
            suppressed = f" (explained by {incident.suppressed_by})" if incident.suppressed_by else ""
            suppressed += f" (silenced by {incident.silence})" if incident.silence else ""
            log.log(
                logging.INFO if incident.phase in ENDED else logging.WARNING,
                "%s %s: %s %s %s%s",
                incident.id,
                incident.phase,
                incident.condition,
                incident.subject,
                incident.summary,
                suppressed,
                extra={"event": "incident", "incident": incident.id, "state": str(incident.phase)},
            )
