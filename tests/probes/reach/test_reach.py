"""Dials from the witness and from the standby's shell: what they tell apart, and how seldom they are made."""

import asyncio
import math
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from farnode import NODE, Clock, Far, eventually

from drwatch.core.sample import Blind, Key, Node, Probe, ReachFact, Reason, Sample
from drwatch.lab.server import free_port
from drwatch.probes.reach import AnchorLook, DoorLook, parse
from drwatch.probes.ssh import Answer, SshNode, connect, resolve

Connect = Callable[..., SshNode]
WITNESS = Node("", "witness")
TOOLS = ("cat", "date", "head", "sleep", "stat", "timeout", "true")


@contextmanager
def deaf(address: str) -> Iterator[int]:
    """A port whose queue is full: each further dial is dropped, as by a firewall."""
    with socket.socket() as full:
        full.bind((address, 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((address, port))
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()


class Doorman:
    """Counts who knocks."""

    def __init__(self, address: str) -> None:
        self.address, self.port, self.knocks = address, free_port(address), 0
        self.gone = asyncio.Event()

    async def __aenter__(self) -> "Doorman":
        self._server = await asyncio.start_server(self._knock, self.address, self.port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        if self.knocks:
            await self.gone.wait()

    async def _knock(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        try:
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.gone.set()


def why(sample: Sample) -> Reason:
    assert isinstance(sample.found, Blind), sample.found
    return sample.found.reason


def anchor(clock: Clock, host: str, port: int, deadline: float = 3.0) -> AnchorLook:
    return AnchorLook(WITNESS, host=host, port=port, clock=clock, deadline=deadline)


async def test_an_anchor_that_answers_is_reached_and_let_go_at_once(clock: Clock) -> None:
    async with Doorman("127.0.0.51") as doorman:
        look = anchor(clock, doorman.address, doorman.port)
        sample = await look.look()
        assert sample.key == Key(WITNESS, Probe.REACH, f"127.0.0.51:{doorman.port}")
        assert isinstance(sample.found, ReachFact)
        assert 0 < sample.found.seconds < 1


async def test_an_anchor_that_refuses_is_told_from_one_that_is_silent_and_one_without_a_name(clock: Clock) -> None:
    assert why(await anchor(clock, "127.0.0.51", free_port("127.0.0.51")).look()) is Reason.REFUSED
    with deaf("127.0.0.51") as port:
        assert why(await anchor(clock, "127.0.0.51", port, deadline=0.3).look()) is Reason.CONNECT_TIMEOUT
    assert why(await anchor(clock, "gateway.invalid", 443).look()) is Reason.DNS


def door(node: SshNode, clock: Clock, host: str, port: int, deadline: float = 1.0) -> DoorLook:
    return DoorLook(node, Key(NODE, Probe.REACH, f"{host}:{port}"), clock=clock, deadline=deadline)


DIALLERS = ("bash", "python3", "perl", "busybox nc", "nc", "ncat")


@pytest.fixture(params=DIALLERS)
def only(request: pytest.FixtureRequest, make_far: Callable[..., Far]) -> Far:
    """A node with one program to dial with, and no other."""
    program, _, applet = request.param.partition(" ")
    found = os.path.realpath(sys.executable) if program == "python3" else shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on this machine")
    return bare(make_far, {applet or program: found})


def bare(make_far: Callable[..., Far], programs: dict[str, str]) -> Far:
    """A node whose shell finds nothing but these; the installed script would add the usual directories."""
    far = make_far()
    bin = far.sandbox / "dash/bin"
    for tool in TOOLS:
        (bin / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    for name, path in programs.items():
        (bin / name).write_text(f'#!/bin/sh\nexec {path} {"nc " if "busybox" in path else ""}"$@"\n')
        (bin / name).chmod(0o755)
    return far


async def test_the_standby_tells_refused_from_silent_whatever_it_dials_with(
    only: Far, connect: Connect, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_usual_places(monkeypatch)
    node = connect(only, deadline=5.0)
    async with Doorman("127.0.0.52") as doorman:
        sample = await door(node, clock, doorman.address, doorman.port).look()
        assert isinstance(sample.found, ReachFact), sample
    refused = door(node, clock, "127.0.0.52", free_port("127.0.0.52"))
    assert why(await refused.look()) is Reason.REFUSED
    with deaf("127.0.0.52") as port:
        assert why(await door(node, clock, "127.0.0.52", port).look()) is Reason.CONNECT_TIMEOUT


@contextmanager
def frozen(address: str) -> Iterator[int]:
    """A port whose connections the kernel takes, and nobody else."""
    with socket.socket() as kernel:
        kernel.bind((address, 0))
        kernel.listen(8)
        yield kernel.getsockname()[1]


async def test_the_standby_tells_a_host_that_greets_from_one_of_which_only_the_kernel_answers(
    only: Far, connect: Connect, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nc is all there is to dial with, it can tell neither."""
    without_the_usual_places(monkeypatch)
    node = connect(only, deadline=5.0)
    tells = not any((only.sandbox / "dash/bin" / nc).exists() for nc in ("nc", "ncat"))
    with frozen("127.0.0.52") as port:
        for host, at, heard in ((only.sshd.address, only.sshd.port, True), ("127.0.0.52", port, False)):
            key = Key(NODE, Probe.REACH, f"{host}:{at}")
            sample = await DoorLook(node, key, clock=clock, deadline=2.0, greeting=True).look()
            assert isinstance(sample.found, ReachFact), sample
            assert sample.found.greets is (heard if tells else None)


def without_the_usual_places(monkeypatch: pytest.MonkeyPatch) -> None:
    from drwatch.probes.ssh import shell

    monkeypatch.setattr(shell, "SCRIPT", shell.SCRIPT.replace(b"PATH=${PATH:+$PATH:}/usr/sbin", b"PATH=${PATH%%:*} : "))


async def test_a_node_that_cannot_dial_says_so(
    make_far: Callable[..., Far], connect: Connect, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_usual_places(monkeypatch)
    node = connect(bare(make_far, {}), deadline=5.0)
    assert why(await door(node, clock, "127.0.0.52", 22).look()) is Reason.NO_DIALLER


async def test_the_standby_knows_a_name_that_does_not_resolve(far: Far, connect: Connect, clock: Clock) -> None:
    sample = await door(connect(far), clock, "oslo-a.invalid", 22, deadline=10.0).look()
    assert why(sample) is Reason.DNS


async def test_the_door_is_knocked_at_once_in_five_seconds_however_often_one_asks(
    far: Far, connect: Connect, clock: Clock
) -> None:
    """0 s: dialled. 0 to 4 s: 20 looks, the same sample. 5 s: dialled."""
    async with Doorman("127.0.0.53") as doorman:
        look = door(connect(far), clock, doorman.address, doorman.port)
        assert look.every == math.inf
        first = await look.look()
        await eventually(lambda: doorman.knocks, within=5, what="the first knock")
        for _ in range(20):
            clock.ahead += 0.2
            assert await look.look() is first
        assert doorman.knocks == 1
        clock.ahead += 1.1
        assert await look.look() is not first
        await eventually(lambda: doorman.knocks == 2, within=5, what="the second knock")


async def test_a_dial_does_not_hold_up_the_looks_at_the_host(far: Far, connect: Connect, clock: Clock) -> None:
    node = connect(far)
    with deaf("127.0.0.54") as port:
        dialling = asyncio.create_task(door(node, clock, "127.0.0.54", port, deadline=2.0).look())
        await node.ask("look")
        assert (await node.ask("look")).lines
        assert not dialling.done()
        assert why(await dialling) is Reason.CONNECT_TIMEOUT


async def test_a_standby_without_a_channel_says_nothing_of_the_primary(
    far: Far, connect: Connect, clock: Clock
) -> None:
    """That the standby's own sshd refuses must not read as if the primary's did."""
    far.sshd.kill()
    assert why(await door(connect(far), clock, "127.0.0.55", 22).look()) is Reason.CHANNEL_LOST


@pytest.mark.parametrize("target", ["-v:22", "a b:22", "$(id):22", "host", "host:ssh"])
def test_what_is_no_host_and_port_is_refused(target: str, clock: Clock) -> None:
    node = SshNode(NODE, host="h", user="u", key_file="k", known_hosts_file="f", clock=clock)
    with pytest.raises(ValueError, match="not HOST:PORT"):
        DoorLook(node, Key(NODE, Probe.REACH, target), clock=clock)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1 bash: connect: Connection refused", Reason.REFUSED),
        (b"1 bash: connect: No route to host", Reason.NO_ROUTE),
        (b"1 connect: Network is unreachable", Reason.NO_ROUTE),
        (b"1 [Errno 110] Connection timed out", Reason.CONNECT_TIMEOUT),
        (b"137 ", Reason.CONNECT_TIMEOUT),
        (b"1 nc: connect to 10.0.0.1 port 22 (tcp) timed out: Operation now in progress", Reason.CONNECT_TIMEOUT),
        (b"1 bash: oslo: Temporary failure in name resolution", Reason.DNS),
        (b"1 nc: bad address 'oslo'", Reason.DNS),
        (b"127 ", Reason.NO_DIALLER),
        (b"", Reason.GARBLED),
    ],
)
def test_each_dialler_has_its_own_words(line: bytes, reason: Reason, clock: Clock) -> None:
    blind = parse(Answer(clock(), clock(), (line,) if line else (), 0), "10.0.0.1:22")
    assert blind is not None
    assert blind.reason is reason


async def test_an_address_that_leads_nowhere_does_not_hide_the_next_one(clock: Clock) -> None:
    """A host with a broken IPv6 is a host."""
    async with Doorman("127.0.0.56") as doorman:
        with deaf("127.0.0.57") as port:
            found = [*await resolve("127.0.0.57", port), *await resolve(doorman.address, doorman.port)]
            sock, address = await connect(found)
        sock.close()
        assert address == "127.0.0.56"
