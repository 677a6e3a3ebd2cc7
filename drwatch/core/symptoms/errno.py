"""What a receiver's or an applier's errno means, and what mends it: by both error references, and real servers.

Only the errors that a standby is met with in practice; any other is told by its number and the server's own text.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    happened: str
    """Follows the standby's name and what stopped: a clause without a full stop."""
    remedy: str
    """What a human does, a sentence."""


_UNREACHABLE = "Is its server up? May the standby through firewall and bind_address? Try from the standby's own shell."
_ROOM = "Raise max_connections or end idle sessions there: the receiver tries again by itself."
_ACCOUNT = (
    "Log in from the standby's shell with the replication account; set it with CHANGE MASTER TO where it changed."
)
REBUILD = "Nothing mends that from here: REBUILD the standby from a copy of its source."
_DRIFT = "Find the difference in that table and who wrote on the standby, before anything is skipped or repaired."
_SCHEMA = "The two schemas differ: make the standby's like its source's, with SET sql_log_bin = 0, then START SLAVE."

RECEIVER = {
    1040: Meaning("its source has no free connection", _ROOM),
    1045: Meaning(
        "its source denies the replication account (password changed, account gone, or TLS demanded)", _ACCOUNT
    ),
    1129: Meaning("its source blocks this address after too many failed handshakes", "On the source: FLUSH HOSTS."),
    1130: Meaning("its source lets no account in from this address", _ACCOUNT),
    1203: Meaning("the replication account has all the connections that it may have", _ROOM),
    1226: Meaning("the replication account has all the connections that it may have", _ROOM),
    1227: Meaning(
        "the replication account may not replicate", "On the source: GRANT REPLICATION SLAVE ON *.* TO that account."
    ),
    1236: Meaning(
        "its source cannot read what it asks for from the binary log", "The server's own words say which part."
    ),
    1593: Meaning(
        "it and its source say that they are the same server",
        "Give each its own server_id; after a copied data directory delete auto.cnf on the standby and restart it.",
    ),
    1595: Meaning(
        "it cannot write its relay log", "Make room on the standby's disk (df -h, df -i), then START SLAVE IO_THREAD."
    ),
    2002: Meaning("nothing answers at its source's address", _UNREACHABLE),
    2003: Meaning("nothing answers at its source's address (down, or a firewall between)", _UNREACHABLE),
    2005: Meaning("its source's host name does not resolve", "Mend DNS or /etc/hosts on the standby."),
    2013: Meaning(
        "its source takes the connection and hangs up or stays silent (hung, or cut on the way)", _UNREACHABLE
    ),
    2026: Meaning(
        "TLS with its source fails", "Compare the certificates and MASTER_SSL_* with what the source offers."
    ),
    2061: Meaning(
        "the source's login wants a secure connection (caching_sha2_password)",
        "Use TLS, or CHANGE REPLICATION SOURCE TO GET_SOURCE_PUBLIC_KEY = 1.",
    ),
}
RECEIVER |= {13114: RECEIVER[1236], 13117: RECEIVER[1593]}
"""MySQL 8 and later have numbers of their own for these two."""

_BINLOG = (
    (
        re.compile(r"purged|could not find first log file|too old", re.I),
        Meaning("its source has purged the binary logs that it still needs", REBUILD),
    ),
    (
        re.compile(r"same server_uuid/server_id", re.I),
        Meaning("another server has connected to its source under its identity", RECEIVER[1593].remedy),
    ),
    (
        re.compile(r"max_allowed_packet", re.I),
        Meaning(
            "an event is larger than may be sent",
            "Raise max_allowed_packet on the source and slave_max_allowed_packet on the standby, up to 1 GB.",
        ),
    ),
    (
        re.compile(r"binary log is not open|not enabled", re.I),
        Meaning("its source writes no binary log", "Set log_bin on the source, restart it and rebuild the standby."),
    ),
    (
        re.compile(r"impossible position|position > file size|bogus data|truncated|corrupt", re.I),
        Meaning(
            "its source's binary log is damaged, or ends before what was sent from it: the source lost its tail",
            "Was it restored, or did it crash without sync_binlog = 1? Then the two differ: compare them, or "
            + REBUILD,
        ),
    ),
)
"""One errno stands for all that can be wrong with the source's binary log: the text tells them apart."""

APPLIER = {
    1008: Meaning("a database that it should drop is not there", _SCHEMA),
    1030: Meaning("its storage engine failed", "Look at the standby's disk and error log first."),
    1032: Meaning("a row that it should change is not there", _DRIFT),
    1050: Meaning("a table that it should create is there already", _SCHEMA),
    1054: Meaning("a column is unknown", _SCHEMA),
    1062: Meaning("a row with that key is there already", _DRIFT),
    1114: Meaning("a table is full", "Make room on the standby's disk, then START SLAVE SQL_THREAD."),
    1146: Meaning("a table is not there", _SCHEMA),
    1205: Meaning("it waited too long for a lock", "Which session on the standby holds it? End it, then START SLAVE."),
    1213: Meaning("it met a deadlock", "START SLAVE SQL_THREAD; if it comes back, find the session it meets."),
    1396: Meaning("an account that was made or dropped on the standby by hand is in the way", _SCHEMA),
    1451: Meaning("a foreign key forbids it", _DRIFT),
    1452: Meaning("a foreign key forbids it", _DRIFT),
    1594: Meaning(
        "its relay log is damaged",
        "While the source lives: STOP SLAVE, CHANGE MASTER TO Relay_Master_Log_File and Exec_Master_Log_Pos.",
    ),
    1677: Meaning("a column has another type than its source's", _SCHEMA),
    1950: Meaning("a GTID came out of order", _DRIFT),
}


def receiver(errno: int, text: str) -> Meaning | None:
    """What stopped a receiver, or keeps it from connecting; None where the number is not in the table."""
    known = RECEIVER.get(errno)
    if known is RECEIVER[1236]:
        return next((meaning for words, meaning in _BINLOG if words.search(text)), known)
    return known


def purged(errno: int, text: str) -> bool:
    """Whether the source says that it no longer has what the receiver asks for."""
    return receiver(errno, text) is _BINLOG[0][1]
