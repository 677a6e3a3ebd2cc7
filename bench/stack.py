"""The stack that most people have: mysqld_exporter beside each server, Prometheus, Alertmanager and a webhook."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from typing import Any, Self
from urllib.error import URLError

from ruamel.yaml import YAML

from drwatch.lab.binaries import parts
from drwatch.lab.deadline import until
from drwatch.lab.host import Host
from drwatch.lab.inbox import Inbox
from drwatch.lab.pair import Pair
from drwatch.lab.sandbox import Process
from drwatch.lab.server import Server, free_port

SCRAPE = "1s"
HOLD = "5s"
ACCOUNT = ("exporter", "exporter")

# The alerts that the exporter's own mixin and the collections that users copy have, by the exporter's metric names.
ALERTS = {
    "MySQLDown": "mysql_up == 0",
    "TargetDown": 'up{job="mysql"} == 0',
    "ReplicationIoStopped": "mysql_slave_status_slave_io_running == 0",
    "ReplicationSqlStopped": "mysql_slave_status_slave_sql_running == 0",
    "ReplicationLag": "mysql_slave_status_seconds_behind_master - mysql_slave_status_sql_delay > 30",
    "TooManyConnections": ("mysql_global_status_threads_connected / mysql_global_variables_max_connections > 0.8"),
}


@dataclass(frozen=True)
class Alert:
    """One alert as it reached the webhook."""

    name: str
    node: str
    at: float
    """time.time(), seconds."""

    def __str__(self) -> str:
        return f"{self.name} {self.node}"


class Stack:
    """Up, scraping and silent once the context is entered. Debian's packages, scrapes and evaluations each second."""

    def __init__(self, pair: Pair) -> None:
        self._pair, self._witness = pair, pair.places.witness
        self._bell = Inbox(pair.places.outside)
        self._running: list[Process] = []
        self._port = 0

    def __enter__(self) -> Self:
        self._bell.__enter__()
        try:
            targets = {server.name: self._export(server) for server in self._pair.servers}
            alertmanager = self._route()
            self._port = self._watch(targets, alertmanager)
            until(lambda: self._answers(alertmanager), within=30, what="Alertmanager")
            until(lambda: self._series("mysql_up == 1") == len(targets), within=30, what="both servers scraped")
            until(lambda: self._series("ALERTS") == 0, within=30, what="Prometheus without an alert", every=0.5)
        except BaseException:
            self.__exit__()
            raise
        self._bell.pages.clear()
        return self

    def __exit__(self, *error: object) -> None:
        for process in reversed(self._running):
            process.kill_tree()
        self._bell.__exit__()

    @property
    def alerts(self) -> list[Alert]:
        """What fired, in the order of its first arrival; each once."""
        seen: dict[tuple[str, str], Alert] = {}
        for page in self._bell.accepted:
            for alert in page.payload.get("alerts", ()):
                key = alert["labels"]["alertname"], alert["labels"].get("node", "")
                if alert["status"] == "firing":
                    seen.setdefault(key, Alert(*key, page.received_wall))
        return list(seen.values())

    def _start(self, host: Host, name: str, *options: str, **env: str) -> None:
        log = self._pair.sandbox.directory("stack") / f"{name}.log"
        program = parts() / "bin" / name
        self._running.append(self._pair.sandbox.spawn(host.inside([program, *options]), env=env, log=log))

    def _export(self, server: Server) -> str:
        """An exporter on the server's own host, with the account that its README asks for; where it listens."""
        user, password = ACCOUNT
        rights = "PROCESS, REPLICATION CLIENT" + (", SLAVE MONITOR" if server.flavour.is_mariadb else "")
        with server.connect() as session, session.cursor() as cursor:
            cursor.execute("SET sql_log_bin=0")
            cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (user, password))
            cursor.execute(f"GRANT {rights}, SELECT ON *.* TO '{user}'@'%'")
        host = server.host
        at = f"{host.address}:{host.port(9104)}"
        self._start(
            host,
            "prometheus-mysqld-exporter",
            f"--web.listen-address={at}",
            DATA_SOURCE_NAME=f"{user}:{password}@({server.address}:{server.port})/",
        )
        return at

    def _route(self) -> int:
        """An Alertmanager that waits for nothing; its port."""
        place, port = self._pair.sandbox.directory("stack/alertmanager"), self._free_port()
        hook = {"url": f"http://{self._bell.address}/", "send_resolved": True}
        route = {"receiver": "bell", "group_by": ["alertname", "node"], "group_wait": "0s", "group_interval": "1s"}
        config = {"route": route, "receivers": [{"name": "bell", "webhook_configs": [hook]}]}
        with (place / "alertmanager.yml").open("w") as file:
            YAML().dump(config, file)
        self._start(
            self._witness,
            "prometheus-alertmanager",
            f"--config.file={place / 'alertmanager.yml'}",
            f"--storage.path={place}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        )
        return port

    def _watch(self, targets: dict[str, str], alertmanager: int) -> int:
        """A Prometheus over the exporters; its port."""
        place, port = self._pair.sandbox.directory("stack/prometheus"), self._free_port()
        rules = [{"alert": name, "expr": expr, "for": HOLD} for name, expr in ALERTS.items()]
        scraped: list[dict[str, Any]] = [{"targets": [at], "labels": {"node": name}} for name, at in targets.items()]
        config = {
            "global": {"scrape_interval": SCRAPE, "evaluation_interval": SCRAPE},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
            "scrape_configs": [{"job_name": "mysql", "static_configs": scraped}],
        }
        for name, document in (("rules.yml", {"groups": [{"name": "mysql", "rules": rules}]}), ("config.yml", config)):
            with (place / name).open("w") as file:
                YAML().dump(document, file)
        self._start(
            self._witness,
            "prometheus",
            f"--config.file={place / 'config.yml'}",
            f"--storage.tsdb.path={place / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        return port

    def _free_port(self) -> int:
        return self._witness.call(lambda: free_port("127.0.0.1"))

    def _answers(self, port: int) -> bool:
        return self._get(port, "/-/ready") is not None

    def _series(self, expr: str) -> int | None:
        """How many series a query answers with; None while nobody answers."""
        answer = self._get(self._port, f"/api/v1/query?query={urllib.request.quote(expr)}")
        return None if answer is None else len(YAML(typ="safe").load(answer)["data"]["result"])

    def _get(self, port: int, path: str) -> bytes | None:
        """What is answered on the witness; None while nobody answers."""

        def get() -> bytes | None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    return bytes(answer.read())
            except (URLError, ConnectionError, TimeoutError):
                return None

        return self._witness.call(get)
