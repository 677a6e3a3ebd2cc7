"""Each rung on which a login can fail has its own reason, and no reason carries a secret."""

import asyncio
import socket
from collections.abc import Callable

import pytest
from farnode import Clock, Far, make_key

from drwatch.core.sample import Blind, Reason
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import free_port
from drwatch.probes.ssh import SshNode, Unseen

Connect = Callable[..., SshNode]


async def why(node: SshNode) -> Blind:
    with pytest.raises(Unseen) as caught:
        await node.ask("look")
    return caught.value.blind


async def test_a_host_key_that_nobody_vouched_for_is_unknown(far: Far, connect: Connect) -> None:
    stranger = far.trust("elsewhere.example " + far.sshd.known_hosts.split(" ", 1)[1])
    assert (await why(connect(far, known_hosts_file=str(stranger)))).reason is Reason.HOST_KEY_UNKNOWN


async def test_an_empty_file_of_host_keys_trusts_nobody(
    far: Far, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncssh reads ~/.ssh/known_hosts instead of an empty text."""
    ours = far.sandbox / "ours"
    (ours / ".ssh").mkdir(parents=True)
    (ours / ".ssh/known_hosts").write_text(far.sshd.known_hosts)
    monkeypatch.setenv("HOME", str(ours))
    assert (await why(connect(far, known_hosts_file=str(far.trust(""))))).reason is Reason.HOST_KEY_UNKNOWN


async def test_a_missing_file_of_host_keys_trusts_nobody(far: Far, connect: Connect) -> None:
    blind = await why(connect(far, known_hosts_file=str(far.sandbox / "none")))
    assert blind.reason is Reason.HOST_KEY_UNKNOWN
    assert "none cannot be read (ENOENT)" in blind.detail


async def test_a_changed_host_key_is_never_accepted(far: Far, connect: Connect) -> None:
    node = connect(far, known_hosts_file=str(far.trust()))
    far.sshd.change_host_key()
    assert (await why(node)).reason is Reason.HOST_KEY_CHANGED
    assert far.pids() == []


async def test_a_host_key_of_another_kind_is_a_changed_one(far: Far, connect: Connect) -> None:
    key = make_key(far.sandbox / "ecdsa", "ecdsa")
    kind, blob = key.with_suffix(".pub").read_text().split()[:2]
    trust = far.trust(f"[{far.sshd.address}]:{far.sshd.port} {kind} {blob}\n")
    assert (await why(connect(far, known_hosts_file=str(trust)))).reason is Reason.HOST_KEY_CHANGED


async def test_of_several_host_keys_the_known_one_is_asked_for(
    make_far: Callable[..., Far], sandbox: Sandbox, connect: Connect
) -> None:
    key = make_key(sandbox.path / "ecdsa", "ecdsa")
    far = make_far(config=f"HostKey {key}")
    kind, blob = key.with_suffix(".pub").read_text().split()[:2]
    trust = far.trust(f"[{far.sshd.address}]:{far.sshd.port} {kind} {blob}\n")
    assert (await connect(far, known_hosts_file=str(trust)).ask("look")).lines


async def test_a_host_key_that_a_human_adds_is_seen_at_the_next_dial(far: Far, connect: Connect, clock: Clock) -> None:
    trust = far.trust("")
    node = connect(far, known_hosts_file=str(trust))
    assert (await why(node)).reason is Reason.HOST_KEY_UNKNOWN
    trust.write_text(far.sshd.known_hosts)
    clock.ahead += 5
    assert (await node.ask("look")).lines


async def test_a_key_that_the_host_does_not_know_is_denied(far: Far, connect: Connect) -> None:
    key = make_key(far.sandbox / "other")
    assert (await why(connect(far, key_file=str(key)))).reason is Reason.ACCESS_DENIED


async def test_no_key_of_ours_ever_appears_in_a_reason(far: Far, connect: Connect) -> None:
    locked, broken = make_key(far.sandbox / "locked", passphrase="s3cret-words"), far.sandbox / "broken"
    broken.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret\n-----END OPENSSH PRIVATE KEY-----\n")
    words = {
        locked: "is protected by a passphrase",
        broken: "is no private key",
        far.sandbox / "nowhere": "cannot be read (ENOENT)",
    }
    for path, word in words.items():
        blind = await why(connect(far, key_file=str(path)))
        assert blind.reason is Reason.ACCESS_DENIED
        assert blind.detail == f"{path} {word}"


async def test_a_closed_port_refuses(far: Far, connect: Connect) -> None:
    far.sshd.kill()
    assert (await why(connect(far))).reason is Reason.REFUSED


async def test_a_name_that_does_not_resolve_is_dns(far: Far, connect: Connect) -> None:
    assert (await why(connect(far, host="oslo-a.invalid", deadline=10.0))).reason is Reason.DNS


async def test_a_frozen_host_takes_the_connection_and_says_nothing(far: Far, connect: Connect) -> None:
    far.sshd.freeze()
    assert (await why(connect(far, deadline=0.5))).reason is Reason.NO_HANDSHAKE


async def test_a_dial_that_nobody_answers_times_out(far: Far, connect: Connect) -> None:
    """A listener whose queue is full drops each further dial, as a firewall would."""
    with socket.socket() as full:
        full.bind(("127.0.0.43", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.43", port))
            fillers.append(filler)
        node = connect(far, host="127.0.0.43", port=port, deadline=0.5)
        assert (await why(node)).reason is Reason.CONNECT_TIMEOUT
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        pytest.param(b"", Reason.HUNG_UP, id="hangs up"),
        pytest.param(b"Not allowed at this time\r\n", Reason.HUNG_UP, id="OpenSSH 10's penalty"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.HUNG_UP, id="a web server"),
        pytest.param(b"SSH-1.5-relic\r\n", Reason.GARBLED, id="a protocol of 1995"),
    ],
)
async def test_what_is_no_sshd_is_told_apart(far: Far, connect: Connect, says: bytes, reason: Reason) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await writer.drain()
        writer.close()

    port = free_port("127.0.0.44")
    server = await asyncio.start_server(answer, "127.0.0.44", port)
    async with server:
        assert (await why(connect(far, host="127.0.0.44", port=port))).reason is reason


async def test_an_account_without_a_shell_is_no_mystery(make_far: Callable[..., Far], connect: Connect) -> None:
    blind = await why(connect(make_far(forced="echo This account is currently not available.; exit 1")))
    assert blind.reason is Reason.CHANNEL_LOST
    assert "exit status 1" in blind.detail


async def test_a_look_sent_while_the_channel_closes_is_told_that_it_is_lost(far: Far, connect: Connect) -> None:
    node = connect(far)
    shell = await node.shell()
    assert shell._channel is not None
    shell._channel.write_eof()
    assert (await why(node)).reason is Reason.CHANNEL_LOST


async def test_a_node_that_is_only_dialled_once_for_many_looks_at_the_same_time(far: Far, connect: Connect) -> None:
    node = connect(far)
    await asyncio.gather(*(node.ask("look") for _ in range(5)))
    assert node.dials == 1
