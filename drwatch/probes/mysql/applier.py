"""The table that an applier stopped at, from the server's own words."""

from __future__ import annotations

import re

_TABLE = (
    re.compile(r"event on table (.+?); "),
    re.compile(r"(?:of table|[Tt]able) '(.+?)'"),
)
"""Of row events, and of statements that failed: as MySQL and MariaDB were seen to write them."""

_DATABASE = re.compile(r"Default database: '(.+?)'\. Query")


def failing_table(text: str) -> str:
    """``schema.table``; empty where the error names none. Only a statement's own database may stand before a bare name.

    The text goes on with the row's values: the first place counts, and what is no name is none.
    """
    found = min((match for one in _TABLE if (match := one.search(text))), key=lambda match: match.start(), default=None)
    if found is None or len(found[1]) > 130:
        return ""
    database = _DATABASE.search(text)
    return f"{database[1]}.{found[1]}" if database and "." not in found[1] else found[1]
