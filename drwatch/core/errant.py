"""Errant transactions: what a standby has that did not come from its primary, and would follow a takeover back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drwatch.core.gtid import GtidPosition, GtidSet, GtidState
from drwatch.core.sample import Channel, Flavour, ReplicationFact, ServerFact

Strays = GtidSet | GtidState


def is_source(server: ServerFact, channel: Channel) -> bool:
    """Whether the channel reads from that server."""
    same = None
    if server.server_uuid and channel.source_uuid:
        same = server.server_uuid.lower() == channel.source_uuid.lower()
    if channel.source_server_id:
        return same is not False and server.server_id == channel.source_server_id
    return bool(same)


def foreign(status: ReplicationFact, servers: Iterable[ServerFact]) -> list[Channel]:
    """Of several channels, those from a server that is known to be none of the cluster's."""
    ours = list(servers)
    return [
        channel
        for channel in status.channels
        if len(status.channels) > 1 and channel.source_server_id and not any(is_source(each, channel) for each in ours)
    ]


def errant(standby: ServerFact, primary: ServerFact, foreign: Sequence[Channel] = ()) -> Strays | None:
    """What the standby has and the primary has not, the standby having been looked at first; None where none can tell.

    What came by a ``foreign`` channel, from a server outside the cluster, is no stray either.

    Of the primary's own it may have more than the primary showed a moment later, since a transaction is sent before it
    shows; and one that is truly gone from the primary is no stray of the standby's but PrimaryRewound.
    """
    match standby.gtid, primary.gtid:
        case GtidSet() as here, GtidSet() as there:
            strays = here - there - here.of_uuid(primary.server_uuid or "")
            for channel in foreign:
                strays -= here.of_uuid(channel.source_uuid or "")
                if isinstance(channel.retrieved_gtid, GtidSet):
                    strays -= channel.retrieved_gtid
            return strays
    if Flavour.MYSQL in (standby.flavour, primary.flavour) or standby.gtid_state is None or primary.gtid_state is None:
        return None
    # A primary that once was a standby without log_slave_updates applied the other's writes and logged none of them.
    applied = primary.gtid_applied if isinstance(primary.gtid_applied, GtidPosition) else GtidPosition()
    left = standby.gtid_state.beyond(primary.gtid_state).not_by(primary.server_id).past(applied)
    for channel in foreign:
        left = left.not_by(channel.source_server_id or 0)
    return left
