"""A document that was found good → the values that the rest of the program uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from drwatch.config import model, settings
from drwatch.config.secrets import Secret
from drwatch.config.values import DAYS, Address, LocalTime, spell
from drwatch.core import policy, rota
from drwatch.core.sample import Node, Probe


def config(document: model.Document, zone: str) -> settings.Config:
    """The configuration; ``zone`` is the IANA name that the document's zone stands for."""
    nodes = tuple(
        _node(Node(cluster_name, name), node)
        for cluster_name, cluster in document.clusters.items()
        for name, node in cluster.nodes.items()
    )
    return settings.Config(
        policy=_policy(document, zone),
        nodes=nodes,
        endpoints=tuple(
            settings.EndpointSettings(
                Node(name, policy.ENDPOINT),
                _endpoint(cluster.endpoint).host,
                None if cluster.endpoint.mysql is None else cluster.endpoint.mysql.port,
                cluster.endpoint.resolver,
            )
            for name, cluster in document.clusters.items()
            if cluster.endpoint is not None
        ),
        probes=_paces(document.probes),
        jobs=tuple(
            settings.JobToken(name, job_name, _given(job.token_file, job.credential, job.token))
            for name, cluster in document.clusters.items()
            for job_name, job in cluster.jobs.items()
        ),
        heartbeat=_heartbeat(document.heartbeat),
        channels=MappingProxyType(
            {
                name: _given(channel.url, channel.url_file, channel.credential)
                for name, channel in document.paging.channels.items()
                if channel.alertmanager is None
            }
        ),
        alertmanagers=MappingProxyType(
            {
                name: settings.AlertmanagerSettings(
                    tuple(channel.alertmanager), channel.user, channel.password_file, channel.token_file, channel.ca
                )
                for name, channel in document.paging.channels.items()
                if channel.alertmanager is not None
            }
        ),
        anchors=tuple(document.anchors),
        listen=document.web.listen,
        public_url=document.web.public_url,
        state_dir=Path(document.state.directory),
        runtime_dir=Path(document.state.runtime),
        log=settings.Log(document.log.format, document.log.level),
        notices=tuple(_notices(document)),
    )


def _paces(probes: model.Probes) -> Mapping[Probe, settings.Pace]:
    return MappingProxyType(
        {
            Probe.SERVER: settings.Pace(probes.mysql.every, probes.mysql.deadline),
            Probe.REPLICATION: settings.Pace(probes.replication.every, probes.replication.deadline),
            Probe.LOGIN: settings.Pace(probes.login.every, probes.login.deadline),
            Probe.HOST: settings.Pace(probes.host.every, probes.host.deadline),
            Probe.PORT: settings.Pace(probes.host.every, probes.host.deadline),
            Probe.MARKER: settings.Pace(probes.marker.every, probes.host.deadline),
            Probe.REACH: settings.Pace(probes.reach.every, probes.reach.deadline),
            Probe.ENDPOINT: settings.Pace(probes.endpoint.every, probes.endpoint.deadline),
        }
    )


def _heartbeat(heartbeat: model.Heartbeat | None) -> settings.Heartbeat | None:
    if heartbeat is None:
        return None
    return settings.Heartbeat(_given(heartbeat.url, heartbeat.url_file, heartbeat.credential), heartbeat.every)


def _given(*sources: Secret | None) -> Secret:
    return next(source for source in sources if source is not None)


def _node(name: Node, node: model.Node) -> settings.NodeSettings:
    mysql, ssh = node.mysql, node.ssh
    return settings.NodeSettings(
        node=name,
        role=policy.Role(node.role),
        mysql=settings.MysqlSettings(
            address=Address(mysql.host, mysql.port),
            user=mysql.user,
            password=_given(mysql.password_file, mysql.credential, mysql.password),
            tls=settings.Tls(settings.TlsMode(mysql.tls.mode), mysql.tls.ca),
            unit=mysql.unit,
            datadir=mysql.datadir,
            binlog_dir=mysql.binlog_dir,
            process=mysql.process,
        ),
        ssh=None
        if ssh is None
        else settings.SshSettings(
            address=Address(ssh.host or mysql.host, ssh.port),
            user=ssh.user,
            key_file=ssh.key_file,
            known_hosts=ssh.known_hosts,
        ),
    )


def _policy(document: model.Document, zone: str) -> policy.Policy:
    confirm = document.paging.confirm
    return policy.Policy(
        clusters=tuple(_cluster(name, cluster) for name, cluster in document.clusters.items()),
        paging=_paging(document.paging, ZoneInfo(zone)),
        anchors=tuple(f"{host}:{port}" for host, port in document.anchors),
        confirm=policy.Confirm(
            conclusive=confirm.conclusive,
            likely=confirm.likely,
            alone=confirm.alone,
            restarting=confirm.restarting,
            by_condition=MappingProxyType(dict(confirm.model_extra or {})),
        ),
        limits=policy.Limits(**dict(document.limits)),
        hold=document.paging.hold,
        zone=zone,
        look=document.probes.mysql.every,
        maintenance=tuple(_window(each) for each in document.maintenance),
        flapping=policy.Flapping(**dict(document.paging.flapping)),
        keep=document.history.keep,
    )


def _window(window: model.Maintenance) -> policy.Window:
    days = window.days if window.days is not None else DAYS
    return policy.Window(
        window.cluster, window.at, window.lasts, window.reason, frozenset(DAYS.index(day) for day in days)
    )


def _paging(paging: model.Paging, zone: tzinfo) -> policy.Paging:
    channels = tuple(paging.channels)
    # Without an escalation everybody is paged at once: too loud is the safe side.
    steps = paging.escalation or ([model.Step(to=list(channels))] if channels else [])
    return policy.Paging(
        channels=channels,
        escalation=tuple(policy.Step(tuple(step.to), step.after, step.remind) for step in steps),
        remind=paging.remind,
        acknowledged=paging.acknowledged,
        rotas=tuple(_rota(name, each, each.zone or zone) for name, each in paging.rotas.items()),
        quiet=MappingProxyType(
            {
                name: rota.Quiet(quiet.begins, quiet.ends, quiet.zone or zone)
                for name, channel in paging.channels.items()
                if (quiet := channel.quiet) is not None
            }
        ),
        digest=None if paging.digest is None else policy.Digest(tuple(paging.digest.to), paging.digest.at),
        short=frozenset(name for name, channel in paging.channels.items() if channel.format == "short"),
        prove=policy.Prove(**dict(paging.prove)),
        unproved=frozenset(name for name, channel in paging.channels.items() if channel.prove == "false"),
        private=frozenset(name for name, channel in paging.channels.items() if channel.redact == "true"),
        templates=MappingProxyType(
            {name: mine for name, channel in paging.channels.items() if (mine := _templates(channel, paging))}
        ),
    )


def _rota(name: str, given: model.Rota, zone: tzinfo) -> rota.Rota:
    def instant(local: LocalTime) -> datetime:
        return datetime.combine(local.day, local.at, zone).astimezone(UTC)

    return rota.Rota(
        name=name,
        people=tuple(rota.Person(person, tuple(channels)) for person, channels in given.people.items()),
        order=tuple(given.order or given.people),
        day=given.handover.day,
        at=given.handover.at,
        zone=zone,
        since=given.since,
        overrides=tuple(rota.Override(instant(each.begins), instant(each.ends), each.who) for each in given.overrides),
    )


def _templates(channel: model.Channel, paging: model.Paging) -> policy.Templates | None:
    """A channel's own templates before those of all; None where it has none."""
    own = {**paging.templates.model_dump(exclude_none=True), **channel.templates.model_dump(exclude_none=True)}
    return policy.Templates(**own) if own else None


def _cluster(name: str, cluster: model.Cluster) -> policy.Cluster:
    return policy.Cluster(
        name=name,
        nodes=tuple(_node_policy(Node(name, node_name), node) for node_name, node in cluster.nodes.items()),
        objectives=policy.Objectives(**dict(cluster.objectives)),
        files=tuple(
            policy.FileSet(file_name, files.path, files.marker, files.every, files.rpo)
            for file_name, files in cluster.files.items()
        ),
        jobs=tuple(policy.Job(job_name, job.every, job.grace) for job_name, job in cluster.jobs.items()),
        assumed=policy.Assumed(**dict(cluster.assumed)),
        patience=policy.Patience(**dict(cluster.decide)),
        endpoint=None if cluster.endpoint is None else _endpoint(cluster.endpoint),
        drill_every=None if cluster.drills is None else cluster.drills.every,
    )


def _endpoint(endpoint: model.Endpoint) -> policy.Endpoint:
    if endpoint.mysql is not None:
        return policy.Endpoint(policy.EndpointKind.MYSQL, endpoint.mysql.host)
    if endpoint.dns is not None:
        return policy.Endpoint(policy.EndpointKind.DNS, endpoint.dns)
    return policy.Endpoint(policy.EndpointKind.HTTP, urlsplit(endpoint.http or "").hostname or "")


def _node_policy(name: Node, node: model.Node) -> policy.NodePolicy:
    mysql, ssh = node.mysql, node.ssh
    ssh_host = None if ssh is None else ssh.host or mysql.host
    return policy.NodePolicy(
        node=name,
        role=policy.Role(node.role),
        mysql=str(Address(mysql.host, mysql.port)),
        ssh=None if ssh is None else f"{ssh.user}@{ssh_host}",
        ssh_host=ssh_host,
        ssh_port=22 if ssh is None else ssh.port,
        unit=mysql.unit,
        datadir=mysql.datadir,
        location=node.location or "",
    )


def _notices(document: model.Document) -> Iterator[str]:
    for name, cluster in document.clusters.items():
        at = f"clusters.{name}"
        if cluster.backups:
            yield f"{at}.backups is accepted but not watched by this version."
        if all(node.role == "primary" for node in cluster.nodes.values()):
            yield f"{at} has no standby: nothing could take over."
        if cluster.objectives.rto <= cluster.assumed.decide:
            yield (
                f"{at}.objectives.rto leaves nothing beyond the {spell(cluster.assumed.decide)} assumed for a human to"
                " decide: measure that in a drill and set assumed.decide, or raise rto."
            )
        for node_name, node in cluster.nodes.items():
            if node.mysql.tls.mode == "off" and not Address(node.mysql.host, node.mysql.port).is_loopback:
                yield (
                    f"{at}.nodes.{node_name}.mysql.tls is off and the server is another host: whoever taps the network"
                    " reads what drwatch reads. Set tls: {mode: required} if the server has TLS."
                )
            if node.ssh is None:
                yield (f"{at}.nodes.{node_name} has no ssh: drwatch cannot tell a dead server from a dead host there.")
    channels = document.paging.channels
    if not channels:
        yield "paging.channels is empty: drwatch will wake nobody."
    elif len(channels) == 1:
        (only,) = channels
        yield (
            f"paging.channels has {only} alone: a critical page counts as delivered when two channels have taken it,"
            " and nothing stands in for one that fails. Add a second one, by another provider."
        )
    if channels and all(channel.alertmanager is not None for channel in channels.values()):
        yield "paging.channels has Alertmanagers alone: when none of them takes alerts, nobody is woken."
    if not document.anchors:
        yield "anchors is empty: drwatch cannot tell its own isolation from the loss of a primary."
    if not document.web.listen.is_loopback:
        yield (
            "web.listen answers other hosts: whoever reaches it reads every name and figure, and may take up its"
            " connections. Let a proxy or a firewall choose who does."
        )
    outside = urlsplit(document.web.public_url or "")
    if outside.scheme == "http" and not Address(outside.hostname or "", 80).is_loopback:
        yield "web.public_url is http: whoever taps the network can acknowledge pages too. Put TLS before it."
    if document.heartbeat is None:
        yield "heartbeat is not set: if this machine dies, nobody is left to say so. See docs/install.md."
    for name, channel in document.paging.channels.items():
        if channel.prove == "false":
            yield f"paging.channels.{name}.prove is false: nobody learns that it is broken before it is needed."
