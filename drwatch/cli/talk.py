"""Asking the running daemon, over its unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from drwatch.cli.trouble import Trouble

PATIENCE = 5.0
"""Seconds."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("drwatch", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def ask(runtime_dir: Path, path: str, method: str = "GET", body: object = None) -> Any:
    """The JSON that the daemon answers; Trouble when none answers, or it will not. ``body`` is sent as JSON."""
    at = runtime_dir / "drwatch.sock"
    connection = _Connection(at)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {} if sent is None else {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    except (FileNotFoundError, ConnectionRefusedError):
        raise Trouble(f"no drwatch answers on {at}: start it with 'systemctl start drwatch'", 3) from None
    except PermissionError:
        raise Trouble(f"{at} may not be opened by this user: use sudo, or join the group drwatch", 3) from None
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise Trouble(f"drwatch does not answer on {at} ({why}): see 'journalctl -u drwatch'", 3) from None
    finally:
        connection.close()
    if answer.status in (400, 404, 409):
        # What was asked for may not be, or is not there: the sentence is for whoever asked.
        raise Trouble(text[:400].decode(errors="replace").strip())
    if answer.status != 200:
        raise Trouble(f"drwatch answered {answer.status}: {text[:200].decode(errors='replace')}", 3)
    try:
        return json.loads(text)
    except ValueError:
        raise Trouble(f"what answers on {at} is no drwatch: check state.runtime in the configuration", 3) from None
