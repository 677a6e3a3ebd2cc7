"""Looks at a MySQL or MariaDB server: over SQL, reading only."""

from __future__ import annotations

from drwatch.probes.mysql.answering import AnsweringLook
from drwatch.probes.mysql.grants import grants
from drwatch.probes.mysql.held import HeldLook
from drwatch.probes.mysql.server import LoginLook, MysqlServer

__all__ = ["AnsweringLook", "HeldLook", "LoginLook", "MysqlServer", "grants"]
