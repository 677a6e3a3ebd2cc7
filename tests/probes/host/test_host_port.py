"""A server's port as its own kernel sees it: open or shut, who is connected, and who waits there in vain."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from farnode import NODE, Clock, Far, eventually

from drwatch.core.sample import Blind, HostFact, Key, Moment, PortFact, Probe, Reason
from drwatch.lab.sandbox import Sandbox
from drwatch.probes.host import HostLook, PortLook
from drwatch.probes.host.port import digits, parse
from drwatch.probes.ssh import Answer, SshNode

Connect = Callable[..., SshNode]
OLD = Path(__file__).parents[1] / "ssh" / "node-2.sh"
STANDBY = "127.0.0.52"


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listen(sockets: ExitStack, address: str = "127.0.0.51") -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = sockets.enter_context(socket.socket(family))
    listener.bind((address, 0))
    listener.listen(8)
    return listener


def listening(*addresses: str) -> Answer:
    """A node's answer where its port is listened on at these addresses."""
    lines = (f"{address}:0CEA {'0' * len(address)}:0000 0A 00000000:00000000" for address in addresses)
    moment = Moment(0.0, datetime(2026, 1, 1, tzinfo=UTC))
    return Answer(moment, moment, tuple(line.encode() for line in lines), 0)


def dial(sockets: ExitStack, listener: socket.socket, source: str = STANDBY) -> None:
    sockets.enter_context(socket.create_connection(listener.getsockname()[:2], 5, (source, 0)))


async def seen(far: Far, connect: Connect, clock: Clock, listener: socket.socket, *standbys: str) -> PortFact:
    host, port, *_ = listener.getsockname()
    look = PortLook(connect(far, deadline=5.0), host, port, {"oslo-b": standbys}, clock=clock, deadline=5.0)
    sample = await look.look()
    assert sample.key == Key(NODE, Probe.PORT)
    assert isinstance(sample.found, PortFact), sample.found
    return sample.found


async def test_every_shell_tells_an_open_port_with_a_standby_connected(
    any_far: Far, connect: Connect, clock: Clock, sockets: ExitStack
) -> None:
    listener = listen(sockets)
    dial(sockets, listener)
    sockets.enter_context(listener.accept()[0])
    assert await seen(any_far, connect, clock, listener, STANDBY) == PortFact(True, 0, ("oslo-b",))


async def test_a_connection_from_elsewhere_is_not_the_standbys(
    far: Far, connect: Connect, clock: Clock, sockets: ExitStack
) -> None:
    listener = listen(sockets)
    dial(sockets, listener, "127.0.0.53")
    sockets.enter_context(listener.accept()[0])
    assert await seen(far, connect, clock, listener, STANDBY) == PortFact(True, 0, ())


async def test_connections_that_nobody_takes_are_counted(
    any_far: Far, connect: Connect, clock: Clock, sockets: ExitStack
) -> None:
    listener = listen(sockets)
    for _ in range(3):
        dial(sockets, listener, "127.0.0.53")
    assert await seen(any_far, connect, clock, listener, STANDBY) == PortFact(True, 3, ())


async def test_a_port_that_nobody_listens_on_is_shut(
    any_far: Far, connect: Connect, clock: Clock, sockets: ExitStack
) -> None:
    listener = listen(sockets)
    host, port = listener.getsockname()
    listener.close()
    look = PortLook(connect(any_far, deadline=5.0), host, port, {"oslo-b": [STANDBY]}, clock=clock, deadline=5.0)
    assert (await look.look()).found == PortFact(False, 0, ())


@pytest.mark.parametrize(
    "address",
    [
        "0100007F",
        "0101007F",
        "7F000001",
        "0000000000000000FFFF00000100007F",
        "00000000000000000000FFFF7F000001",
        "00000000000000000000000001000000",
        "00000000000000000000000000000001",
    ],
)
def test_a_listener_on_loopback_takes_nobody_from_outside(address: str) -> None:
    """So a firewall is not to blame where a server listens there alone, unless the witness dials loopback itself."""
    answer = listening(address)
    assert parse(answer, {}) == PortFact(False, 0, ())
    assert parse(answer, {}, local=True) == PortFact(True, 0, ())


@pytest.mark.parametrize("address", ["00000000", "0" * 32, "3500000A", "7F00000A", "0000000000000000FFFF00007F00000A"])
def test_a_listener_on_any_other_address_takes_who_comes(address: str) -> None:
    assert parse(listening("0100007F", address), {}) == PortFact(True, 0, ())


async def test_a_server_on_loopback_alone_is_shut_for_a_witness_that_dials_another_address(
    far: Far, connect: Connect, clock: Clock, sockets: ExitStack
) -> None:
    listener = listen(sockets)
    port = listener.getsockname()[1]
    look = PortLook(connect(far, deadline=5.0), "192.0.2.1", port, {}, clock=clock, deadline=5.0)
    assert (await look.look()).found == PortFact(False, 0, ())


async def test_ipv6_and_a_name_are_found_too(far: Far, connect: Connect, clock: Clock, sockets: ExitStack) -> None:
    listener = listen(sockets, "::1")
    dial(sockets, listener, "::1")
    sockets.enter_context(listener.accept()[0])
    assert await seen(far, connect, clock, listener, "no.such.name.invalid", "::1") == PortFact(True, 0, ("oslo-b",))


def test_an_address_is_given_as_the_kernels_of_both_byte_orders_print_it() -> None:
    mapped = "0000000000000000FFFF00003400007F", "00000000000000000000FFFF7F000034"
    assert digits(ip_address("127.0.0.52")) == ("3400007F", mapped[0], "7F000034", mapped[1])
    little, big = digits(ip_address("2001:db8::1"))
    assert (little, big) == ("B80D0120000000000000000001000000", "20010DB8000000000000000000000001")


async def test_it_is_asked_once_in_five_seconds_whoever_asks(
    far: Far, connect: Connect, clock: Clock, sockets: ExitStack
) -> None:
    listener = listen(sockets)
    look = PortLook(connect(far, deadline=5.0), *listener.getsockname(), {}, clock=clock, deadline=5.0)
    first = await look.look()
    assert await look.look() is first
    clock.ahead += 5
    assert await look.look() is not first


async def test_connections_that_wait_are_asked_for_again_sooner(
    far: Far, connect: Connect, clock: Clock, sockets: ExitStack
) -> None:
    listener = listen(sockets)
    dial(sockets, listener)
    look = PortLook(connect(far, deadline=5.0), *listener.getsockname(), {}, clock=clock, deadline=5.0)
    first = await look.look()
    clock.ahead += 2
    assert await look.look() is not first


async def test_an_older_script_goes_on_telling_what_it_can(
    make_far: Callable[..., Far], sandbox: Sandbox, connect: Connect, clock: Clock
) -> None:
    """drwatch is upgraded first; the script on a host with a forced command later."""
    script = sandbox.path / "node.sh"
    script.write_bytes(OLD.read_bytes())
    node = connect(make_far(forced=f"exec /bin/sh {script}"), deadline=5.0)
    host = HostLook(node, clock=clock, datadir="/", process=str(sandbox.path))
    await host.look()
    await eventually(lambda: host._spaces, within=5, what="the space of the disk")
    sample = await host.look()
    assert isinstance(sample.found, HostFact)
    assert (sample.found.processes, sample.found.devices) == ((), ())
    assert [space.path for space in sample.found.filesystems] == ["/"]
    assert sample.notes == (f"{node.address} runs another node.sh: do ssh-setup again",)
    port = await PortLook(node, "127.0.0.1", 3306, {}, clock=clock).look()
    assert isinstance(port.found, Blind)
    assert port.found.reason is Reason.MISSING
    assert "ssh-setup" in port.found.detail
