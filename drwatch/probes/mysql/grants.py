"""What to run on a server so that drwatch may look at it, and may do nothing else."""

from __future__ import annotations

from drwatch.core.sample import Flavour

MAX_USER_CONNECTIONS = 6
"""drwatch holds two and now and then a third; as many again for ``drwatch check`` or a second witness."""


def grants(
    flavour: Flavour,
    version: tuple[int, ...],
    user: str,
    host: str,
    *,
    password: str | None = None,
    tls: bool = False,
) -> tuple[str, ...]:
    """The statements that make the account, one string each, semicolon included, to paste or to send.

    Without ``password`` a placeholder stands there that no server accepts, so that nobody pastes a known password.
    ``tls`` demands it of the account. Exactly what statements.py asks for: status variables and GTIDs need no
    privilege, and BINLOG MONITOR is for the list of binary logs.
    """
    account = f"{_quoted(user)}@{_quoted(host)}"
    secret = "<password>" if password is None else _quoted(password)
    limit = f"WITH MAX_USER_CONNECTIONS {MAX_USER_CONNECTIONS}"
    require = "REQUIRE SSL" if tls else "/* REQUIRE SSL, where the server has TLS */"
    since = (10, 2) if flavour is Flavour.MARIADB else (5, 7, 6)
    if version >= since:
        made = [f"CREATE USER {account} IDENTIFIED BY {secret} {require} {limit}"]
    else:
        made = [f"CREATE USER {account} IDENTIFIED BY {secret}", f"GRANT USAGE ON *.* TO {account} {require} {limit}"]
    granted = [f"GRANT {privilege} TO {account}" for privilege in _privileges(flavour, version)]
    return tuple(f"{statement};" for statement in made + granted)


def _privileges(flavour: Flavour, version: tuple[int, ...]) -> tuple[str, ...]:
    if flavour is Flavour.MARIADB:
        if version >= (10, 5, 9):
            return ("SLAVE MONITOR, BINLOG MONITOR ON *.*",)
        if version >= (10, 5):
            return (
                "BINLOG MONITOR ON *.*",
                "REPLICATION SLAVE ADMIN /* more than drwatch wants; 10.5.9 has SLAVE MONITOR */ ON *.*",
            )
        return ("REPLICATION CLIENT ON *.*",)
    if version >= (5, 7):
        return (
            "REPLICATION CLIENT ON *.*",
            "SELECT ON performance_schema.replication_connection_status",
            "SELECT ON performance_schema.replication_connection_configuration",
            "SELECT ON performance_schema.replication_applier_status_by_worker",
        )
    return ("REPLICATION CLIENT ON *.*",)


def _quoted(text: str) -> str:
    # Doubled quotes hold in every sql_mode; a backslash is only special without NO_BACKSLASH_ESCAPES.
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
