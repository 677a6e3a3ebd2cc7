"""What one node's own words come to: its server, its replication, its host."""

from __future__ import annotations

from drwatch.core import gap
from drwatch.core.assessment import Assessment
from drwatch.core.policy import Cluster, NodePolicy, Role
from drwatch.core.recovery import backlog
from drwatch.core.roles import feed
from drwatch.core.sample import Blind, HostFact, IoState, Node, Probe, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import roles_seen
from drwatch.exporter.families import Sheet


def put_server(sheet: Sheet, snapshot: Snapshot, node: NodePolicy) -> None:
    seen = roles_seen(snapshot, node)
    for role in Role:
        sheet.put("drwatch_node_role_configured", (*node.node, role), node.role is role)
        sheet.put("drwatch_node_role", (*node.node, role), role in seen if seen is not None else None)
    server = snapshot.latest(node.node, Probe.SERVER)
    if isinstance(server, ServerFact):
        sheet.put("drwatch_node_writable", node.node, not server.read_only)


def put_replication(sheet: Sheet, assessment: Assessment, cluster: Cluster, node: Node) -> None:
    snapshot = assessment.snapshot
    left = gap.of_standby(cluster, snapshot, node, assessment.at)
    sheet.put("drwatch_binlog_gap_seconds", node, left.seconds if left else None)
    channel, server = feed(snapshot, node), snapshot.server(node)
    if channel is None or isinstance(snapshot.latest(node, Probe.REPLICATION), Blind):
        return
    sheet.put("drwatch_replication_io_running", node, channel.io is IoState.YES)
    sheet.put("drwatch_replication_sql_running", node, channel.sql)
    sheet.put("drwatch_replication_seconds_behind", node, channel.seconds_behind)
    sheet.put("drwatch_replication_net_timeout_seconds", node, server.net_timeout if server else None)
    sheet.put("drwatch_replication_heartbeat_period_seconds", node, channel.heartbeat_period)
    sheet.put("drwatch_relay_backlog_bytes", node, backlog(channel))
    receipt = snapshot.receipts.get((node, channel.name))
    if receipt is not None:
        sheet.put("drwatch_replication_silence_seconds", node, assessment.at - receipt.heard_at)


def put_host(sheet: Sheet, snapshot: Snapshot, node: Node) -> None:
    sheet.put("drwatch_clock_offset_seconds", node, snapshot.clock_offset(node))
    host = snapshot.latest(node, Probe.HOST)
    if not isinstance(host, HostFact):
        return
    sheet.put("drwatch_io_wait_ratio", node, host.io_wait)
    sheet.put("drwatch_io_pressure_ratio", node, host.io_pressure)
    for disk in host.disks:
        sheet.put("drwatch_disk_await_seconds", (*node, disk.name), disk.await_seconds)
    # Two watched paths may lie on one file system under the same name: a series appears once.
    for filesystem in {each.path: each for each in host.filesystems}.values():
        sheet.put("drwatch_disk_free_bytes", (*node, filesystem.path), filesystem.free_bytes)
        sheet.put("drwatch_disk_size_bytes", (*node, filesystem.path), filesystem.size_bytes)
