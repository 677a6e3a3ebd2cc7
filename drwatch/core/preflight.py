"""May a human take over now? GO, NO-GO or UNKNOWN with the evidence; and the commands, for a human to run.

drwatch runs none of them. Their order is that of traps met on real servers: repair before takeover, save what the
standby lacks, apply what it received before its receiver is stopped, and never restart it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from drwatch.core.ailing import full, full_disks, written
from drwatch.core.duration import at_most
from drwatch.core.exposure import Exposure
from drwatch.core.finding import PRIMARY_LOST, Condition, Confidence
from drwatch.core.policy import Cluster, NodePolicy
from drwatch.core.recovery import Recovery
from drwatch.core.roles import feed
from drwatch.core.salvage import Command, shell
from drwatch.core.sample import Blind, Channel, Flavour, IoState, Node, Probe, SemiSync, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView


class Decision(StrEnum):
    GO = "GO"
    NO_GO = "NO-GO"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the takeover; ``passed`` is None when nobody can say, which counts as no."""

    passed: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """The answer for taking over with one standby."""

    standby: str
    checks: tuple[Check, ...]
    repair: tuple[Command, ...]
    takeover: tuple[Command, ...]

    @property
    def decision(self) -> Decision:
        if any(check.passed is False for check in self.checks):
            return Decision.NO_GO
        return Decision.GO if all(check.passed for check in self.checks) else Decision.UNKNOWN

    @property
    def commands(self) -> tuple[Command, ...]:
        return self.repair + self.takeover


def _of_primary(view: ClusterView, snapshot: Snapshot) -> Check:
    name, verdict = view.cluster.primary.node.name, view.verdict
    match verdict.condition:
        case Condition.PRIMARY_HUNG:
            return Check(False, f"{name} may wake up and write: stop it for good first (fence)")
        case Condition.PRIMARY_DISK_STALLED:
            if view.cluster.primary.node in snapshot.deaths:
                return Check(True, f"{name} is proved dead, and its disk takes nothing")
            return Check(False, f"the disk of {name} may come back, and {name} write: stop it for good first (fence)")
        case Condition.PRIMARY_RESTARTING:
            return Check(False, f"{name} is starting: it may be back before a takeover would be done")
        case Condition.PRIMARY_UNSEEN | Condition.WITNESS_ISOLATED:
            return Check(False, f"{name} may well serve the application: only the witness cannot see it")
        case condition if condition in PRIMARY_LOST:
            sure = verdict.confidence is Confidence.CONCLUSIVE
            words = "is proved dead" if sure else "looks dead, and only one place says so"
            return Check(True if sure else None, f"{name} {words}")
    if (
        isinstance(snapshot.latest(view.cluster.primary.node, Probe.SERVER), ServerFact)
        or verdict.condition is not None
    ):
        return Check(False, f"{name} answers: taking over now would make two primaries")
    return Check(None, f"nothing is known of {name}")


def _of_standby(snapshot: Snapshot, standby: NodePolicy) -> Check:
    name = standby.node.name
    match snapshot.latest(standby.node, Probe.SERVER):
        case ServerFact(read_only=read_only):
            if not read_only:
                return Check(False, f"{name} is writable already: look for stray writes first")
            return Check(True, f"{name} answers and is read-only")
        case Blind(reason):
            return Check(False, f"{name} does not answer ({reason})")
    return Check(None, f"{name} has not been looked at")


def _of_applier(snapshot: Snapshot, standby: NodePolicy, recovery: Recovery) -> Check:
    channel, name = feed(snapshot, standby.node), standby.node.name
    if channel is None:
        return Check(False, f"{name} replicates from nobody")
    if channel.sql_errno:
        return Check(False, f"{name} has not applied all it received: errno {channel.sql_errno}")
    drain = next(term for term in recovery.terms if term.component == "drain")
    if drain.seconds is None:
        return Check(None, drain.note)
    return Check(True, f"{name} has applied all it received" if drain.seconds == 0 else f"{name}: {drain.note}")


def _of_loss(claim: Exposure) -> Check:
    if claim.seconds is None:
        return Check(None, f"the loss is not known: {claim.unknown}")
    return Check(True, f"the loss is bounded: at most {at_most(claim.seconds)} of commits")


def _words(cluster: Cluster, snapshot: Snapshot, node: NodePolicy) -> tuple[str, str]:
    """The server's own noun for a replica, and the client that talks to it.

    One that was never seen is taken for what another of its cluster is. Where none was: words that both understand,
    since Debian's MariaDB has a client by MySQL's name too.
    """
    facts = (snapshot.server(each.node) for each in (node, *cluster.nodes))
    fact = next((fact for fact in facts if fact is not None), None)
    if fact is None:
        return "SLAVE", "mysql"
    if fact.flavour is Flavour.MARIADB:
        return "SLAVE", "mariadb"
    return ("REPLICA" if fact.version >= (8, 0, 22) else "SLAVE"), "mysql"


def _repair(view: ClusterView, snapshot: Snapshot, standby: NodePolicy) -> tuple[Command, ...]:
    primary = view.cluster.primary
    there = shell(primary)
    start = Command(
        "Repair first, it loses nothing",
        f"{there} 'sudo systemctl start {primary.unit}; systemctl status {primary.unit}'",
    )
    match view.verdict.condition:
        case Condition.PRIMARY_DOWN:
            # Started on a full disk it would only end again.
            first = (_make_room(snapshot, primary), start) if full_disks(snapshot, primary.node) else (start,)
            saved = next((each for each in view.salvage if each.standby == standby.node), None)
            if saved is None:
                return first
            return (*first, Command(f"It will not start? {saved.copy.why}", saved.copy.line), saved.decode)
        case Condition.PRIMARY_HUNG:
            look = f"{there} 'sudo dmesg -T | tail; df -h; ps -o pid,stat,wchan:32,cmd -C mysqld,mariadbd'"
            fence = f"{there} 'sudo systemctl kill -s KILL {primary.unit}; sudo systemctl stop {primary.unit}'"
            return (
                Command("See what it waits for (a full or dead disk?)", look),
                Command("Only to take over: stop it for good", fence),
            )
        case Condition.PRIMARY_DISK_STALLED:
            look = (
                f"{there} 'sudo dmesg -T | tail -30; grep -E \" /|[[:space:]]ro[,[:space:]]\" /proc/mounts | head -20'"
            )
            fence = f"{there} 'sudo systemctl kill -s KILL {primary.unit}; sudo systemctl stop {primary.unit}'"
            return (
                Command(
                    "See what the kernel says of the disk: cable, controller, a volume that was taken away",
                    look,
                ),
                Command("Only to take over: stop it for good; if it does not die of that, power it off", fence),
            )
        case Condition.PRIMARY_HOST_DOWN:
            ping = f"ping -c3 {primary.ssh_host or primary.mysql.rpartition(':')[0].strip('[]')}"
            return (Command("Provider's console: is it powered? Restart it there, it loses nothing", ping),)
        case Condition.PRIMARY_RESTARTING:
            return (Command("Watch it recover", f"{there} 'sudo journalctl -u {primary.unit} -n 50 -f'"),)
    return mending(view, snapshot)


def mending(view: ClusterView, snapshot: Snapshot) -> tuple[Command, ...]:
    """What to look at first on a primary that lives and does not serve."""
    primary = view.cluster.primary
    there, client = shell(primary, terminal=True), _words(view.cluster, snapshot, primary)[1]
    sessions = f"{there} \"sudo {client} -e 'SHOW FULL PROCESSLIST'\""
    match view.verdict.condition:
        case Condition.PRIMARY_DISK_FULL:
            return (_make_room(snapshot, primary),)
        case Condition.PRIMARY_WRITES_STALLED if (waits := _unacknowledged(snapshot, primary.node)) is not None:
            alone = f"{there} \"sudo {client} -e 'SET GLOBAL {waits.switch} = OFF'\""
            return (Command("Bring the standby back; or let the primary commit without its acknowledgement", alone),)
        case Condition.PRIMARY_WRITES_STALLED:
            return (Command("See what holds the writes up, and end that one session (KILL id)", sessions),)
        case Condition.PRIMARY_SATURATED:
            return (Command("See who holds the connections; one is kept for an administrator", sessions),)
    return ()


def _make_room(snapshot: Snapshot, primary: NodePolicy) -> Command:
    places = " ".join(space.path for space in written(snapshot, primary.node) if full(space)) or primary.datadir
    look = f"'df -h {places}; df -i {places}; sudo du -xhd2 {places} | sort -h | tail -20'"
    return Command(
        "See what fills its disk, and free that: never a binary log by hand", f"{shell(primary, terminal=True)} {look}"
    )


def _unacknowledged(snapshot: Snapshot, primary: Node) -> SemiSync | None:
    """Semi-sync, where sessions wait for a standby."""
    fact = snapshot.server(primary)
    return fact.semi_sync if fact is not None and fact.semi_sync is not None and fact.semi_sync.waiting else None


def _stay_dead(view: ClusterView) -> Command:
    """The fence: a primary that comes back after a takeover makes two of them."""
    primary = view.cluster.primary
    name = primary.node.name
    if view.verdict.host_answers:
        line = f"{shell(primary)} 'sudo systemctl disable --now {primary.unit}'"
        return Command(f"Make sure that {name} stays dead", line)
    return Command(f"Make sure that {name} stays dead: power it off at the provider's console", "")


def fence(view: ClusterView, snapshot: Snapshot, name: str) -> tuple[Command, ...]:
    """What closes an old primary that is back and writable: first at once, then for good."""
    node = next(node for node in view.cluster.nodes if node.node.name == name)
    fact = snapshot.server(node.node)
    client = _words(view.cluster, snapshot, node)[1]
    guard = "; SET GLOBAL super_read_only = ON" if fact and fact.super_read_only is not None else ""
    there = shell(node, terminal=True)
    return (
        Command(f"Close {name}", f'{there} "sudo {client} -e \\"SET GLOBAL read_only = ON{guard}\\""'),
        Command("Stop it for good", f"{shell(node)} 'sudo systemctl disable --now {node.unit}'"),
    )


def _apply(fact: ServerFact | None, channel: Channel | None, noun: str, sql: Callable[[str], str]) -> Command:
    """Apply what was received: first the applier, then no receiver, or MariaDB with GTID drops it."""
    delay = channel.sql_delay if channel else 0
    if channel is not None and fact is not None and fact.flavour is Flavour.MARIADB:
        step = "a plain START would drop what was received. Runbook 'Taking over', step 5"
        if channel.io is IoState.NO and not channel.sql and channel.uses_gtid:
            return Command(f"Both threads are stopped: {step}", "")
        if delay:
            # Seen on 10.11: it takes another delay with both threads stopped only.
            return Command(f"It waits {delay} s on purpose. To drop the delay both threads must stop, and {step}", "")
    source = "REPLICATION SOURCE TO SOURCE" if noun == "REPLICA" else "MASTER TO MASTER"
    drop = f"STOP {noun} SQL_THREAD; CHANGE {source}_DELAY = 0; " if delay else ""
    why = f"Drop its delay of {delay} s and apply" if delay else "Apply"
    line = sql(f"{drop}START {noun} SQL_THREAD; STOP {noun} IO_THREAD")
    return Command(f"{why} it all: the applier first, then stop the receiver", line)


def _statement(cluster: Cluster, snapshot: Snapshot, node: NodePolicy, text: str) -> str:
    """The line that runs SQL on a node."""
    return f'{shell(node, terminal=True)} "sudo {_words(cluster, snapshot, node)[1]} -e \\"{text}\\""'


def _takeover(view: ClusterView, snapshot: Snapshot, standby: NodePolicy) -> tuple[Command, ...]:
    """What follows once the old primary can take no writes any more."""
    noun, client = _words(view.cluster, snapshot, standby)
    there, name = shell(standby, terminal=True), standby.node.name
    sql = partial(_statement, view.cluster, snapshot, standby)
    fact, channel = snapshot.server(standby.node), feed(snapshot, standby.node)
    guard = "; SET GLOBAL super_read_only = OFF" if fact and fact.super_read_only is not None else ""
    relay = f"sudo sh -c 'cp -a \\$({client} -NBe \\\"SELECT @@relay_log_basename\\\")* .'"
    cut = Command(f"Cut the old primary's rsync at {name}: take its key out of authorized_keys", "")
    return (
        *((cut,) if view.cluster.files else ()),
        Command(f"Keep a copy of what was received; never restart {name}", f'{there} "{relay}"'),
        _apply(fact, channel, noun, sql),
        Command(
            "Repeat until Exec_..._Log_Pos stands still, it 'has read all relay log'"
            + (" and no worker is busy" if fact and fact.appliers else "")
            + "; note the coordinates",
            sql(f"SHOW {noun} STATUS\\\\G" + ("; SHOW PROCESSLIST" if fact and fact.appliers else "")),
        ),
        Command("Forget the old primary, or a restart follows it", sql(f"STOP {noun}; RESET {noun} ALL")),
        Command("Open it for writes, and take read_only out of its my.cnf", sql(f"SET GLOBAL read_only = OFF{guard}")),
        Command("Write a row with the application's account, enable events (ALTER EVENT … ENABLE)", ""),
        Command("Move DNS or the load balancer", ""),
    )


def preflight(view: ClusterView, snapshot: Snapshot, standby: NodePolicy) -> Preflight:
    """The answer as the snapshot stands. A claim that nobody can check counts as no."""
    claim = next(claim for claim in view.database if claim.node == standby.node)
    recovery = next(estimate for estimate in view.recovery if estimate.node == standby.node)
    checks = (
        _of_primary(view, snapshot),
        _of_standby(snapshot, standby),
        _of_applier(snapshot, standby, recovery),
        _of_loss(claim),
    )
    takeover = (_stay_dead(view), *_takeover(view, snapshot, standby))
    return Preflight(standby.node.name, checks, _repair(view, snapshot, standby), takeover)


def _serves(view: ClusterView, snapshot: Snapshot) -> Check:
    name, found = view.cluster.primary.node.name, snapshot.latest(view.cluster.primary.node, Probe.SERVER)
    match found:
        case ServerFact(read_only=closed) if view.verdict.condition is None:
            return Check(not closed, f"{name} {'is closed already' if closed else 'serves'}")
        case ServerFact() | Blind():
            return Check(False, f"{name}: {view.verdict.condition or 'does not answer'}")
    return Check(None, f"nothing is known of {name}")


def rehearsal(view: ClusterView, snapshot: Snapshot, standby: NodePolicy) -> Preflight:
    """May a planned takeover begin now, and what are its steps: those of a real one once the primary is closed."""
    primary, name = view.cluster.primary, standby.node.name
    claim = next(claim for claim in view.database if claim.node == standby.node)
    recovery = next(estimate for estimate in view.recovery if estimate.node == standby.node)
    close, fact = fence(view, snapshot, primary.node.name)[0], snapshot.server(primary.node)
    # MySQL 8.2 brought the new name and 8.4 dropped the old one; MariaDB has kept it.
    renamed = fact is not None and fact.flavour is Flavour.MYSQL and fact.version >= (8, 2)
    where = "SHOW BINARY LOG STATUS" if renamed else "SHOW MASTER STATUS"
    return Preflight(
        name,
        (
            _serves(view, snapshot),
            _of_standby(snapshot, standby),
            _of_applier(snapshot, standby, recovery),
            _of_loss(claim),
        ),
        (),
        (
            Command("Tell whom it concerns: from the next step on the application's writes fail", ""),
            Command(f"{close.why}, and put read_only into its my.cnf", close.line),
            Command(
                f"See where it stands, and go on once Read_..._Log_Pos of {name} is there too",
                _statement(view.cluster, snapshot, primary, where),
            ),
            *_takeover(view, snapshot, standby),
            Command(f"Let {primary.node.name} follow {name}, since it lacks nothing: runbook 'A drill', step 5", ""),
            Command("Say that it is over", f"drwatch drill {view.cluster.name} --end"),
        ),
    )


def no_drill(view: ClusterView) -> str | None:
    """Why no drill can be announced now, in a sentence; None when one can."""
    if view.verdict.condition in PRIMARY_LOST | {Condition.PRIMARY_RESTARTING}:
        lost = f"{view.cluster.primary.node.name} is {view.verdict.condition}"
        return f"{lost}: this is no drill. See 'drwatch status', and the page"
    if not view.cluster.standbys:
        return f"{view.cluster.name} has no standby to take over with: configure one first"
    return None
