"""What drwatch advises for a standby's own meter of silence is what a real one takes."""

from watching import EVERY_FLAVOUR, Stable, Witness, replication_fact, server_fact

from drwatch.core.advice import Advice, advice
from drwatch.core.policy import Cluster, NodePolicy, Role
from drwatch.core.sample import Node
from drwatch.core.snapshot import Snapshot
from drwatch.lab.deadline import until
from drwatch.lab.replication import running
from drwatch.lab.server import Flavour
from drwatch.probes.mysql import MysqlServer


async def advised(watching: MysqlServer) -> list[Advice]:
    server, status = await watching.server_look.look(), await watching.replication_look.look()
    server_fact(server), replication_fact(status)
    node = server.key.node
    nodes = (
        NodePolicy(Node(node.cluster, "its primary"), Role.PRIMARY, ""),
        NodePolicy(node, Role.STANDBY, ""),
    )
    return list(advice(Cluster(node.cluster, nodes), Snapshot().keep(server).keep(status)))


@EVERY_FLAVOUR
async def test_a_standby_that_would_notice_silence_late_takes_the_statements_that_mend_it(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    _, standby = stable.pair(flavour)
    before = standby.sql("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('slave_net_timeout', 'replica_net_timeout')")
    watching = witness(standby)
    (advice,) = await advised(watching)
    assert "only after 60 s" in advice.sentence
    for statement in advice.statement.split("; "):
        standby.sql(statement)
    until(lambda: running(standby), within=10, what="replication at work again")
    assert await advised(watching) == []
    for variable in before:
        standby.sql(f"SET GLOBAL {variable['Variable_name']} = {variable['Value']}")
    if flavour is Flavour.MYSQL_97:
        standby.sql("RESET PERSIST")
