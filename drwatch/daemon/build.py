"""From a configuration to a watch with real probes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from zoneinfo import ZoneInfo

from drwatch.config import Config, NodeSettings
from drwatch.core.doors import door_key
from drwatch.core.policy import Cluster, Role
from drwatch.core.roles import led
from drwatch.core.sample import Key, Node, Probe
from drwatch.core.world import WITNESS
from drwatch.daemon.clock import Clock, asleep
from drwatch.daemon.delivery import Carrier, Delivering
from drwatch.daemon.legacy import Legacy
from drwatch.daemon.parts import Look
from drwatch.daemon.watch import Daemon
from drwatch.exporter import Instruments
from drwatch.probes.endpoint import EndpointLook
from drwatch.probes.host import HostLook, PortLook
from drwatch.probes.marker import MarkerLook
from drwatch.probes.mysql import AnsweringLook, MysqlServer
from drwatch.probes.reach import AnchorLook, DoorLook
from drwatch.probes.ssh import SshNode
from drwatch.store import Store

Lead = Callable[[Cluster, Node], float]
"""Seconds by which the clock of the node that leads the cluster is ahead of this node's."""


def looks(config: Config, clock: Clock, lead: Lead = lambda cluster, reader: 0.0) -> tuple[Look, ...]:
    """Every probe that the configuration asks for."""
    made: list[Look] = []
    for settings in config.nodes:
        made += _of_server(config, settings, clock)
        made += _of_host(config, settings, clock, lead)
    made += _of_endpoints(config, clock)
    pace = config.probes[Probe.REACH]
    for host, port in config.anchors:
        made.append(AnchorLook(WITNESS, host=host, port=port, every=pace.every, deadline=pace.deadline, clock=clock))
    return tuple(made)


def _of_server(config: Config, settings: NodeSettings, clock: Clock) -> Iterator[Look]:
    mysql, paces = settings.mysql, config.probes
    server = MysqlServer(
        settings.node,
        mysql.address.host,
        mysql.address.port,
        mysql.user,
        mysql.password.reveal(),
        mysql.tls.context(),
        paces[Probe.SERVER].deadline,
        clock,
        every=paces[Probe.SERVER].every,
        replication_every=paces[Probe.REPLICATION].every,
        login_every=paces[Probe.LOGIN].every,
        replication_deadline=paces[Probe.REPLICATION].deadline,
        login_deadline=paces[Probe.LOGIN].deadline,
    )
    yield from server.looks


def _of_host(config: Config, settings: NodeSettings, clock: Clock, lead: Lead) -> Iterator[Look]:
    if settings.ssh is None:
        return
    ssh, paces = settings.ssh, config.probes
    shell = SshNode(
        settings.node,
        host=ssh.address.host,
        port=ssh.address.port,
        user=ssh.user,
        key_file=str(ssh.key_file),
        known_hosts_file=str(ssh.known_hosts),
        clock=clock,
        deadline=paces[Probe.HOST].deadline,
    )
    cluster = next(cluster for cluster in config.policy.clusters if cluster.name == settings.node.cluster)
    standby, mysql = settings.role is Role.STANDBY, settings.mysql
    yield HostLook(
        shell,
        clock=clock,
        every=paces[Probe.HOST].every,
        datadir=mysql.datadir,
        binlog_dir=mysql.binlog_dir,
        process=mysql.process,
        unit=mysql.unit,
        paths=tuple(tree.path for tree in cluster.files) if standby else (),
    )
    # The primary writes the marker by its own clock, the standby's is the one that is read beside it.
    offset = partial(lead, cluster, settings.node)
    # Only after a takeover does the configured primary receive files, and then the core asks for these looks.
    every = paces[Probe.MARKER].every if standby else math.inf
    for tree in cluster.files:
        yield MarkerLook(shell, name=tree.name, path=tree.marker, clock=clock, every=every, offset=offset)
    yield from _of_shell(config, settings, shell, cluster, clock)


def _of_shell(config: Config, settings: NodeSettings, shell: SshNode, cluster: Cluster, clock: Clock) -> Iterator[Look]:
    """What a node can be asked of the others, whoever leads one day: whether it reaches them, and who reaches it."""
    others = [each for each in config.nodes if each.node.cluster == cluster.name and each.node != settings.node]
    deadline = config.probes[Probe.REACH].deadline
    doors = [
        door_key(cluster.led_by(other.node), settings.node)
        for other in cluster.nodes
        if other.node != settings.node and other.ssh_host is not None
    ]
    outside = [Key(settings.node, Probe.REACH, anchor) for anchor in config.policy.anchors]
    for key in dict.fromkeys((*doors, *outside)):
        yield DoorLook(shell, key, clock=clock, deadline=deadline, greeting=key in doors)
    readers = {
        other.node.name: [other.mysql.address.host, *([other.ssh.address.host] if other.ssh else [])]
        for other in others
    }
    host, port = settings.mysql.address
    yield PortLook(shell, host, port, readers, clock=clock, deadline=config.probes[Probe.PORT].deadline)


def _of_endpoints(config: Config, clock: Clock) -> Iterator[Look]:
    pace = config.probes[Probe.ENDPOINT]
    for endpoint in config.endpoints:
        own = [settings for settings in config.nodes if settings.node.cluster == endpoint.node.cluster]
        yield EndpointLook(
            endpoint.node,
            host=endpoint.host,
            nodes={settings.node.name: settings.mysql.address.host for settings in own},
            clock=clock,
            every=pace.every,
            deadline=pace.deadline,
            resolver=endpoint.resolver,
        )
        if endpoint.port is not None:
            # The account is the same on every server that the endpoint may lead to.
            mysql = next(settings.mysql for settings in own if settings.role is Role.PRIMARY)
            yield AnsweringLook(
                endpoint.node,
                endpoint.host,
                endpoint.port,
                mysql.user,
                mysql.password.reveal(),
                mysql.tls.context(),
                every=pace.every,
                deadline=pace.deadline,
                clock=clock,
            )


def daemon(
    config: Config, store: Store, carrier: Carrier, instruments: Instruments, clock: Clock, before: Legacy
) -> Daemon:
    """A watch that is ready to run; ``before`` is what an earlier one has left."""

    def lead(cluster: Cluster, reader: Node) -> float:
        return watch.snapshot.clock_lead(led(cluster, watch.snapshot).primary.node, reader)

    watch = Daemon(
        policy=config.policy,
        looks=looks(config, clock, lead),
        delivering=Delivering(carrier, store, clock, instruments, random.random),
        ledger=store,
        clock=clock,
        zone=ZoneInfo(config.policy.zone),
        measures=instruments,
        chance=random.random,
        before=before,
        asleep=asleep,
    )
    return watch
