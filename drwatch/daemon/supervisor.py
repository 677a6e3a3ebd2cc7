"""systemd's side of the daemon: READY, WATCHDOG and STOPPING (sd_notify(3)), said to nobody where there is none."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


class Supervisor:
    """Datagrams to $NOTIFY_SOCKET; a leading @ means the abstract namespace."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address if address is not None else os.environ.get("NOTIFY_SOCKET", "")

    def tell(self, *states: str) -> None:
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # Whoever gave us that address and is gone, or does not read, must not end the watch or hold it up.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
            wire.settimeout(0.2)
            wire.sendto("\n".join(states).encode(), path)
