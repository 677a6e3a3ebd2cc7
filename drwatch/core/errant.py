"""Errant transactions: what a standby has that did not come from its primary, and would follow a takeover back."""

from __future__ import annotations

from drwatch.core.gtid import GtidPosition, GtidSet, GtidState
from drwatch.core.sample import Flavour, ServerFact

Strays = GtidSet | GtidState


def errant(standby: ServerFact, primary: ServerFact) -> Strays | None:
    """What the standby has and the primary has not, the standby having been looked at first; None where none can tell.

    Of the primary's own it may have more than the primary showed a moment later, since a transaction is sent before it
    shows; and one that is truly gone from the primary is no stray of the standby's but PrimaryRewound.
    """
    match standby.gtid, primary.gtid:
        case GtidSet() as here, GtidSet() as there:
            return here - there - here.of_uuid(primary.server_uuid or "")
    if Flavour.MYSQL in (standby.flavour, primary.flavour) or standby.gtid_state is None or primary.gtid_state is None:
        return None
    # A primary that once was a standby without log_slave_updates applied the other's writes and logged none of them.
    applied = primary.gtid_applied if isinstance(primary.gtid_applied, GtidPosition) else GtidPosition()
    return standby.gtid_state.beyond(primary.gtid_state).not_by(primary.server_id).past(applied)
