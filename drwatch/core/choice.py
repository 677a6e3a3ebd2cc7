"""Repair or take over: what each would take and cost, and from when on taking over is the better of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drwatch.core.actuals import learned
from drwatch.core.exposure import Exposure
from drwatch.core.policy import Cluster
from drwatch.core.recovery import Basis, Recovery, Term
from drwatch.core.snapshot import Snapshot

AFTER_THE_DECISION = ("drain", "promote", "switch", "warm")


@dataclass(frozen=True, slots=True)
class Choice:
    """The two columns of one cluster, for the standby that would lose least."""

    repair: Term
    """Seconds from the primary's death until it serves again; it loses nothing that was committed."""
    loss: Exposure
    """What taking over would lose."""
    take_over: float | None
    """Seconds from the decision to the first good write; None while a part of it is unknown."""
    lossless: bool
    """Whether it is proved that taking over loses nothing."""
    unknown: str
    """Why ``take_over`` or the loss is; empty while both are known."""
    wins_after: float | None
    """Seconds after the primary's death from which on taking over wins; None while nobody can say."""


def _repair(cluster: Cluster, snapshot: Snapshot) -> Term:
    past = learned(snapshot.outages, cluster.name, "repair")
    if past is None:
        return Term("repair", cluster.assumed.repair, Basis.ASSUMED, "until an incident measures it")
    return Term("repair", past.seconds, Basis.MEASURED, past.words, past.at)


def _wins_after(repair: Term, take_over: float, patience: float) -> float:
    if repair.seconds is None or repair.basis is Basis.ASSUMED:
        # What nobody has measured outweighs no loss of data.
        return patience
    if repair.seconds > take_over + patience:
        return 0.0
    return max(patience, repair.seconds) if repair.seconds <= take_over else patience


def weigh(
    cluster: Cluster, snapshot: Snapshot, database: Sequence[Exposure], recovery: Sequence[Recovery]
) -> Choice | None:
    """Both ways compared; None in a cluster without a standby."""
    infinite = float("inf")
    pairs = [(claim, way) for claim in database for way in recovery if claim.node == way.node]
    if not pairs:
        return None

    def cost(pair: tuple[Exposure, Recovery]) -> tuple[float, float]:
        claim, way = pair
        return (
            infinite if claim.seconds is None else claim.seconds,
            infinite if way.seconds is None else way.seconds,
        )

    claim, way = min(pairs, key=cost)
    terms = [term.seconds for term in way.terms if term.component in AFTER_THE_DECISION]
    known = [seconds for seconds in terms if seconds is not None]
    take_over = sum(known) if len(known) == len(terms) else None
    repair, lossless = _repair(cluster, snapshot), claim.seconds == 0.0
    patience = cluster.patience.lossless if lossless else cluster.patience.lossy
    wins = None if take_over is None or claim.seconds is None else _wins_after(repair, take_over, patience)
    unknown = "; ".join(filter(None, (way.unknown, claim.unknown)))
    return Choice(repair, claim, take_over, lossless, unknown, wins)
