"""Log lines on stderr, for people or for machines; systemd's journal adds time and host by itself."""

from __future__ import annotations

import json
import logging
import sys

FIELDS = ("event", "state", "incident", "page", "channel", "outcome")


class Json(logging.Formatter):
    """One object a line: time in epoch seconds, level, message, and the fields that a line carries."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def start(form: str, level: str) -> None:
    """Send drwatch's own lines to stderr; other libraries speak up from warnings on only."""
    handler = logging.StreamHandler(sys.stderr)
    human = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(Json() if form == "json" else human)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("drwatch").setLevel(level.upper())
    # asyncssh repeats what its caller is told anyway, and a peer's words among it.
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
