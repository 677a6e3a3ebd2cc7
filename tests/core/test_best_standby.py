"""Of several standbys the one that would lose least is named, put first and exported."""

from __future__ import annotations

from dataclasses import replace

from worlds import OSLO_A, OSLO_B, POLICY, SHOP, gtids, judged, primary, receiver, replication, seen, server, standby
from worlds import standby_server as follower

from drwatch.core.sample import Node, Sample
from drwatch.core.view import ClusterView

THIRD = Node("shop", "oslo-c")
CLUSTER = replace(SHOP, nodes=(OSLO_A, OSLO_B, replace(OSLO_B, node=THIRD)))


def has(node: Node, last: int, asked: float) -> list[Sample]:
    looks = [
        standby(follower(gtids(last)), asked),
        receiver(replication(retrieved_gtid=gtids(last), executed_gtid=gtids(last)), asked),
    ]
    return [replace(look, key=look.key._replace(node=node)) for look in looks]


def view(*looks: list[Sample]) -> ClusterView:
    """Two standbys; the primary had 100 by 0 and 200 by 10."""
    world = seen(primary(server(gtids(100)), 0), primary(server(gtids(200)), 10), *looks)
    return judged(world, 20, replace(POLICY, clusters=(CLUSTER,))).clusters[0]


def order(judgement: ClusterView) -> list[str]:
    return [each.node.name for each in judgement.ranked]


def test_the_standby_that_would_lose_least_is_the_best_whatever_its_place_in_the_configuration() -> None:
    judgement = view(has(OSLO_B.node, 150, 11), has(THIRD, 200, 11))
    assert judgement.best is not None
    assert (judgement.best.node, judgement.best.seconds) == (THIRD, 10.0)
    assert order(judgement) == ["oslo-c", "oslo-b"]


def test_one_whose_claim_is_unknown_is_never_the_best_and_comes_last() -> None:
    judgement = view(has(THIRD, 100, 11))
    assert judgement.best is not None
    assert judgement.best.node == THIRD
    assert order(judgement) == ["oslo-c", "oslo-b"]
    assert view().best is None
    assert order(view()) == ["oslo-b", "oslo-c"]


def test_of_equals_the_first_configured_is_the_best() -> None:
    judgement = view(has(THIRD, 200, 11), has(OSLO_B.node, 200, 11))
    assert judgement.best is not None
    assert judgement.best.node == OSLO_B.node
