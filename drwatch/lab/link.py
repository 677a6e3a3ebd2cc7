"""The wire between standby and primary: a TCP proxy that can fall silent, refuse, lag or choke while it runs."""

import asyncio
import socket
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from drwatch.lab.host import HERE, Host, free_port

CHUNK = 65536


def listens(address: str, port: int) -> bool:
    """Whether something on the calling thread's host listens there, by /proc: a dial would be a handshake error."""
    own = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
    # A server on a host of its own listens at every address, of both families.
    places = {f"{where}:{port:04X}" for where in (own, "0" * 8, "0" * 32)}
    tables = (Path(f"/proc/thread-self/net/{family}") for family in ("tcp", "tcp6"))
    rows = (line.split() for table in tables if table.exists() for line in table.read_text().splitlines())
    return any(row[1] in places and row[3] == "0A" for row in rows)


class Link:
    """Listens on address:port and carries bytes to and from the target, in a thread of its own.

    `silent()` and `refuses()` are what a firewall's DROP and REJECT are; `delay` (seconds) and `rate` (bytes a second),
    each way, are what a long and a thin wire are. Set them while it runs.
    """

    def __init__(self, address: str, target: tuple[str, int], host: Host = HERE) -> None:
        self.address, self.target, self._host = address, target, host
        self.port = host.call(lambda: free_port(address))
        self.delay = 0.0
        self.rate: float | None = None
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._carried: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._carry_all, name=f"link-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *error: object) -> None:
        self._run(self._refuse())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _carry_all(self) -> None:
        self._host.enter()
        self._loop.run_forever()

    def listen(self) -> None:
        """Take connections (again), which it stops by itself when the target does."""
        self._run(self._listen())

    def passes(self) -> None:
        """The healthy wire (again); what was held back while it was silent is delivered now, as TCP would."""
        self.delay, self.rate = 0.0, None
        self.listen()
        self._loop.call_soon_threadsafe(self._open.set)

    def silent(self) -> None:
        """Carry nothing more either way from now on; every socket stays open, so neither end hears of it."""
        self._run(self._hold())

    def refuses(self) -> None:
        """Hang up on both ends and listen no more."""
        self._run(self._refuse())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _hold(self) -> None:
        self._open.clear()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, self.address, self.port, limit=CHUNK)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._carried:
            task.cancel()
        await asyncio.gather(*self._carried, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carried.add(task)
        onward: asyncio.StreamWriter | None = None
        try:
            with suppress(OSError):
                await self._open.wait()  # a silent wire brings no dial to the far end
                back, onward = await asyncio.open_connection(*self.target, limit=CHUNK)
                there, here = (asyncio.create_task(self._pump(*way)) for way in ((reader, onward), (back, writer)))
                try:
                    await asyncio.wait((there, here), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    there.cancel()
                    here.cancel()
                    await asyncio.gather(there, here, return_exceptions=True)
            await self._take_after_target()
        except asyncio.CancelledError:
            pass  # the wire was cut; asyncio's own callback would log a cancelled handler as an error
        finally:
            for end in filter(None, (writer, onward)):
                end.transport.abort()
            self._carried.discard(task)

    async def _take_after_target(self) -> None:
        """Refuse when the target does: else the standby's next dial ended in errno 2013 (lost), not 2003 (refused)."""
        await asyncio.sleep(0.005)  # an exiting process closes its sockets one by one
        if self._server is not None and not listens(*self.target):
            self._server.close()
            self._server = None

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one way until either end closes."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        sender = asyncio.create_task(self._send(queue, writer))
        data = b"any"
        try:
            while data:
                try:
                    data = await reader.read(CHUNK)
                except ConnectionError:
                    data = b""
                await self._open.wait()  # nor does a hang-up, b"", cross a silent wire
                await queue.put((self._loop.time() + self.delay, data))
            await sender
        finally:
            sender.cancel()

    async def _send(self, queue: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await queue.get()
            if (early := due - self._loop.time()) > 0:
                await asyncio.sleep(early)
            await self._open.wait()
            if not data:
                return
            for at in range(0, len(data), step := self._step()):
                with suppress(ConnectionError):
                    writer.write(data[at : at + step])
                    await writer.drain()
                if self.rate:
                    await asyncio.sleep(step / self.rate)

    def _step(self) -> int:
        """Bytes sent at once: a twentieth of a second's worth on a thin wire."""
        return CHUNK if self.rate is None else max(1, min(CHUNK, int(self.rate / 20)))
