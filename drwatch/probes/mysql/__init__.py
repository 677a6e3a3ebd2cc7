"""Looks at a MySQL or MariaDB server: over SQL, reading only."""

from __future__ import annotations

from drwatch.probes.mysql.grants import grants
from drwatch.probes.mysql.looks import LoginLook, MysqlServer, ReplicationLook, ServerLook

__all__ = ["LoginLook", "MysqlServer", "ReplicationLook", "ServerLook", "grants"]
