"""The wire can do all that a bad network does, and mends."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.link import Link, listens


class Echo:
    """The far end: sends back what it gets, and counts its callers."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.calls: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                call, _ = self.listener.accept()
            except OSError:
                return
            self.calls.append(call)
            threading.Thread(target=self._answer, args=(call,), daemon=True).start()

    def _answer(self, call: socket.socket) -> None:
        try:
            while data := call.recv(65536):
                call.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        """As when its process ends."""
        for end in (self.listener, *self.calls):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # a mere close would leave the thread in accept
            end.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    with Link("127.0.0.13", echo.listener.getsockname()) as link:
        yield link


def call(link: Link) -> socket.socket:
    return socket.create_connection((link.address, link.port), timeout=5)


def test_it_carries_both_ways(link: Link) -> None:
    with call(link) as near:
        near.sendall(b"hello")
        assert near.recv(5) == b"hello"


def test_a_silent_wire_keeps_its_calls_and_delivers_late(link: Link, echo: Echo) -> None:
    with call(link) as near:
        near.sendall(b"before")
        assert near.recv(6) == b"before"
        link.silent()
        near.sendall(b"during")
        near.settimeout(0.3)
        with pytest.raises(TimeoutError):
            near.recv(6)
        link.passes()
        near.settimeout(5)
        assert near.recv(6) == b"during"


def test_a_silent_wire_brings_neither_a_dial_nor_a_hang_up(link: Link, echo: Echo) -> None:
    with call(link) as near:
        near.sendall(b"x")
        assert near.recv(1) == b"x"
        link.silent()
        echo.calls[0].shutdown(socket.SHUT_RDWR)
        near.settimeout(0.3)
        with pytest.raises(TimeoutError):
            near.recv(1)
        with call(link):
            assert len(echo.calls) == 1
            link.passes()
            near.settimeout(5)
            assert near.recv(1) == b""
            until(lambda: len(echo.calls) == 2, within=5, what="the held dial carried on")


def test_a_refusing_wire_hangs_up_and_refuses_until_it_passes(link: Link) -> None:
    with call(link) as near:
        near.sendall(b"x")
        assert near.recv(1) == b"x"
        link.refuses()
        assert near.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        call(link)
    link.passes()
    with call(link) as near:
        near.sendall(b"x")
        assert near.recv(1) == b"x"


def test_a_long_wire_delays_each_way_and_keeps_the_order(link: Link) -> None:
    link.delay = 0.2
    with call(link) as near:
        began = time.monotonic()
        for word in (b"one ", b"two ", b"three"):
            near.sendall(word)
        heard = b""
        while len(heard) < 13:
            heard += near.recv(13)
        assert heard == b"one two three"
        assert 0.4 <= time.monotonic() - began < 2


def test_a_thin_wire_carries_no_more_than_its_rate(link: Link) -> None:
    link.rate = 100_000
    with call(link) as near:
        began = time.monotonic()
        near.sendall(bytes(50_000))
        heard = 0
        while heard < 50_000:
            heard += len(near.recv(65536))
        assert 0.4 <= time.monotonic() - began < 3


def test_it_refuses_when_its_target_does(link: Link, echo: Echo) -> None:
    """Else a standby would report a lost connection (2013) where the dead primary's host refuses (2003)."""
    with call(link) as near:
        near.sendall(b"x")
        assert near.recv(1) == b"x"
        echo.close()
        assert near.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            call(link)


def test_whether_something_listens_is_seen_without_a_dial(echo: Echo) -> None:
    address = echo.listener.getsockname()
    assert listens(*address)
    assert echo.calls == []
    echo.close()
    assert not listens(*address)


def test_a_server_at_every_address_is_seen_to_listen() -> None:
    for family, everywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family) as server:
            server.bind((everywhere, 0))
            port = server.getsockname()[1]
            assert not listens("127.0.0.13", port)
            server.listen()
            assert listens("127.0.0.13", port)
