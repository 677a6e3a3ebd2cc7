"""The held connection and its one shell: what they live through, and what they leave behind."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest
from farnode import Clock, Far, argv, eventually, promised, resident
from servers import Servers

from drwatch.core.sample import Reason
from drwatch.lab.link import Link
from drwatch.lab.sandbox import Sandbox
from drwatch.probes.ssh import Answer, SshNode, Unseen
from drwatch.probes.ssh.shell import SCRIPT

Connect = Callable[..., SshNode]
MakeFar = Callable[..., Far]


async def unseen(node: SshNode) -> Unseen:
    with pytest.raises(Unseen) as caught:
        await node.ask("look")
    return caught.value


def whole(answer: Answer | None) -> bool:
    return (
        answer is not None
        and any(line.startswith(b"cpu ") for line in answer.lines)
        and answer.lines[-1].startswith(b"processes ")
    )


async def test_every_shell_answers_with_a_whole_block(any_far: Far, connect: Connect) -> None:
    assert whole(await connect(any_far).ask("look"))


async def test_one_session_is_enough_for_everything(make_far: MakeFar, connect: Connect) -> None:
    node = connect(make_far(config="MaxSessions 1"))
    answers = await asyncio.gather(node.ask("look"), node.ask("space", "/"), node.ask("marker", "/nowhere"))
    assert whole(answers[0])
    assert [answer.status for answer in answers] == [0, 0, 0]
    assert node.dials == 1


async def test_the_installed_script_behind_a_restricted_key_gives_the_same_answers(
    make_far: MakeFar, sandbox: Sandbox, connect: Connect
) -> None:
    script = sandbox.path / "node.sh"
    script.write_bytes(SCRIPT)
    far = make_far(forced=f"exec /bin/sh {script}")
    node = connect(far)
    assert whole(await node.ask("look"))
    assert (await node.ask("space", "/")).lines
    assert str(script).encode() in argv(far.shell())


@pytest.mark.parametrize("tail", ["", " | tr -d '\\n'"], ids=["lines", "one endless line"])
async def test_a_megabyte_of_noise_at_the_login_hides_nothing(
    make_far: MakeFar, sandbox: Sandbox, connect: Connect, tail: str
) -> None:
    noisy = sandbox.path / "noisy.sh"
    noisy.write_text(f"yes 'welcome to the machine'{tail} | head -c 1000000\nexec sh {sandbox.path}/node.sh\n")
    (sandbox.path / "node.sh").write_bytes(SCRIPT)
    assert whole(await connect(make_far(forced=f"exec /bin/sh {noisy}")).ask("look"))


async def test_noise_from_the_login_shells_own_files_hides_nothing(far: Far, connect: Connect) -> None:
    noise = "echo 'have a nice day'; head -c 1000000 /dev/zero | tr '\\0' x\n"
    for name in (".bashrc", ".bash_profile", ".profile", ".zshenv"):
        (far.home / name).write_text(noise)
    assert whole(await connect(far).ask("look"))


async def test_noise_between_answers_hides_nothing(make_far: MakeFar, sandbox: Sandbox, connect: Connect) -> None:
    noisy = sandbox.path / "noisy.sh"
    noisy.write_text(f"(while sleep 0.01; do head -c 3000 /dev/urandom; done) &\nexec sh {sandbox.path}/node.sh\n")
    (sandbox.path / "node.sh").write_bytes(SCRIPT)
    node = connect(make_far(forced=f"exec /bin/sh {noisy}"))
    for _ in range(30):
        assert whole(await node.ask("look"))


async def test_noise_without_end_is_given_up(make_far: MakeFar, sandbox: Sandbox, connect: Connect) -> None:
    noisy = sandbox.path / "noisy.sh"
    noisy.write_text("exec yes\n")
    far = make_far(forced=f"exec /bin/sh {noisy}")
    node = connect(far, deadline=20.0)
    assert (await unseen(node)).blind.reason is Reason.GARBLED
    await eventually(lambda: not far.pids("yes"), within=5, what="yes ended by its closed pipe")


async def test_a_long_banner_before_the_login_is_read_over(
    make_far: MakeFar, sandbox: Sandbox, connect: Connect
) -> None:
    banner = sandbox.path / "banner"
    banner.write_text("Trespassers will be prosecuted.\n" * 3000)
    assert whole(await connect(make_far(config=f"Banner {banner}")).ask("look"))


async def test_a_killed_shell_is_known_at_once_and_replaced_on_the_same_connection(far: Far, connect: Connect) -> None:
    node, wake = connect(far), asyncio.Event()
    node.wakes.append(wake)
    await node.ask("look")
    os.kill(far.shell(), signal.SIGKILL)
    async with asyncio.timeout(0.5):
        await wake.wait()
    assert whole(await node.ask("look"))
    assert node.dials == 1


async def test_a_killed_shell_is_replaced_where_sshd_allows_one_session(make_far: MakeFar, connect: Connect) -> None:
    far = make_far(config="MaxSessions 1")
    node = connect(far)
    await node.ask("look")
    os.kill(far.shell(), signal.SIGKILL)
    await promised(lambda: attempt(node), whole, within=3)


async def attempt(node: SshNode) -> Answer | None:
    try:
        return await node.ask("look")
    except Unseen:
        return None


async def test_a_lost_connection_is_dialled_again_once_at_once_and_then_every_five_seconds(
    far: Far, connect: Connect, clock: Clock
) -> None:
    node, wake = connect(far), asyncio.Event()
    node.wakes.append(wake)
    await node.ask("look")
    far.sshd.kill()
    async with asyncio.timeout(0.5):
        await wake.wait()
    assert (await unseen(node)).blind.reason is Reason.REFUSED
    assert node.dials == 2
    for _ in range(20):
        again = await unseen(node)
        assert again.blind.reason is Reason.REFUSED
        assert "dialled again in" in again.notes[0]
    assert node.dials == 2
    clock.ahead += 5
    await unseen(node)
    await unseen(node)
    assert node.dials == 3
    far.sshd.start()
    clock.ahead += 5
    assert whole(await node.ask("look"))


async def test_a_wire_that_falls_silent_is_known_within_four_seconds(far: Far, connect: Connect) -> None:
    with Link("127.0.0.42", (far.sshd.address, far.sshd.port)) as link:
        trust = far.trust(
            far.sshd.known_hosts.replace(f"[{far.sshd.address}]:{far.sshd.port}", f"[127.0.0.42]:{link.port}")
        )
        node = connect(far, host="127.0.0.42", port=link.port, known_hosts_file=str(trust), deadline=0.8)
        wake = asyncio.Event()
        node.wakes.append(wake)
        await node.ask("look")
        link.silent()
        assert (await unseen(node)).blind.reason is Reason.QUERY_TIMEOUT
        async with asyncio.timeout(4):
            await wake.wait()
        assert (await unseen(node)).blind.reason is Reason.NO_HANDSHAKE


async def test_a_dial_that_a_frozen_host_took_is_kept_and_is_the_login_once_it_wakes(
    far: Far, connect: Connect, clock: Clock
) -> None:
    """Each that is given up is a broken login to an sshd that wakes: from ten at once on it turns people away."""
    node = connect(far, deadline=0.2)
    far.sshd.freeze()
    for _ in range(5):
        assert (await unseen(node)).blind.reason is Reason.NO_HANDSHAKE
        clock.ahead += 5
    far.sshd.process.signal(signal.SIGCONT)
    await promised(lambda: attempt(node), whole, within=10)
    assert node.dials == 1


async def test_a_dial_that_nobody_greets_is_kept_for_ten_minutes(far: Far, connect: Connect, clock: Clock) -> None:
    node = connect(far, deadline=0.2)
    far.sshd.freeze()
    assert (await unseen(node)).blind.reason is Reason.NO_HANDSHAKE
    clock.ahead += 601
    await promised(lambda: attempt(node), lambda _: node.dials == 2, within=5)


async def test_a_frozen_shell_is_told_from_a_dead_channel_and_replaced(far: Far, connect: Connect) -> None:
    node = connect(far, deadline=0.5)
    await node.ask("look")
    frozen = far.shell()
    os.kill(frozen, signal.SIGSTOP)
    try:
        assert (await unseen(node)).blind.reason is Reason.QUERY_TIMEOUT
        await promised(lambda: attempt(node), whole, within=10)
        assert node.dials == 2
    finally:
        # Its sshd is gone: stopped, it would outlive the tests, and nobody else would wake it.
        os.kill(frozen, signal.SIGCONT)


async def test_a_request_that_is_given_up_leaves_the_next_one_unharmed(far: Far, connect: Connect) -> None:
    node = connect(far)
    await node.ask("look")
    asking = asyncio.create_task(node.ask("look"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    assert whole(await node.ask("look"))


@pytest.mark.parametrize("path", ["/tmp/a b'c\"d$(id)`id`;id", "/tmp/*", "/tmp/-n", "/tmp/\\n\u00e9"])
async def test_no_path_is_ever_evaluated(any_far: Far, connect: Connect, path: str) -> None:
    node = connect(any_far)
    assert (await node.ask("marker", path)).lines == (b"missing",)
    odd = any_far.home / path.rpartition("/")[2]
    odd.write_text("drwatch-marker 1 1795447770 oslo-a\n")
    [line] = (await node.ask("marker", str(odd))).lines
    assert line.startswith(b"read ")


async def test_no_name_can_become_an_option_or_a_pattern(any_far: Far, connect: Connect) -> None:
    node = connect(any_far)
    for argument in ("--version", "mysql --version", "$(id)", "a;b", "*"):
        assert (await node.ask("unit", argument)).status == 64
    assert (await node.ask("dial", "2 -v 22")).status == 64


async def test_a_home_that_cannot_be_written_to_is_no_hindrance(far: Far, connect: Connect) -> None:
    before = sorted(path.name for path in far.home.iterdir())
    far.home.chmod(0o555)
    node = connect(far)
    assert whole(await node.ask("look"))
    assert (await node.ask("space", "/")).status == 0
    assert sorted(path.name for path in far.home.iterdir()) == before


async def test_nothing_is_left_on_the_node_after_close(any_far: Far, clock: Clock) -> None:
    node = any_far.node(clock)
    await asyncio.gather(node.ask("look"), node.ask("space", "/"), node.ask("clock"))
    assert any_far.pids("sh")
    await node.close()
    await eventually(lambda: any_far.pids() == [], within=5, what="no process below sshd")
    assert (await unseen(node)).blind.reason is Reason.CHANNEL_LOST


async def test_not_even_a_hanging_request_outlives_the_connection(make_far: MakeFar, clock: Clock) -> None:
    far = make_far(programs={"stat": "#!/bin/sh\nexec sleep 1000\n"})
    node = far.node(clock, deadline=0.5)
    await node.ask("look")
    with pytest.raises(Unseen, match="unanswered"):
        await node.ask("space", "/")
    assert far.pids("sleep")
    await node.close()
    await eventually(lambda: far.pids() == [], within=5, what="no process below sshd")


@pytest.mark.parametrize("shell", ["dash", "bash"])
async def test_a_hanging_request_hinders_no_other_and_does_not_pile_up(
    make_far: MakeFar, connect: Connect, clock: Clock, shell: str
) -> None:
    """0 s: a file system hangs. 31 s: that request is given up on the node. Later: asked again, one process again."""
    far = make_far(shell, programs={"stat": "#!/bin/sh\nexec sleep 1000\n"})
    node = connect(far, deadline=2.0)

    async def space() -> list[int]:
        assert whole(await node.ask("look"))
        with pytest.raises(Unseen, match="'space' has gone unanswered"):
            await node.ask("space", "/")
        return far.pids("sleep")

    first = await space()
    assert len(first) == 1
    assert await space() == first
    assert await space() == first
    clock.ahead += 31
    await node.ask("look")
    await eventually(lambda: far.pids("sleep") == [], within=5, what="the hanging process ended")
    second = await promised(space, lambda pids: pids != [], within=5)
    assert len(second) == 1
    assert await space() == second


async def test_many_looks_leave_no_process_and_no_growth(any_far: Far, connect: Connect, servers: Servers) -> None:
    node = connect(any_far)
    servers.start()
    (await node.shell()).filter(str(servers.program))

    async def looks(count: int) -> None:
        for number in range(count):
            await node.ask("look", "walk" if number % 5 == 0 else "")
            if number % 50 == 0:
                await asyncio.gather(node.ask("space", "/"), node.ask("marker", "/none"), node.ask("clock"))

    await looks(100)
    before = resident(any_far.shell())
    await looks(1000 if any_far.name == "dash" else 200)
    await node.ask("look")
    assert resident(any_far.shell()) - before < 300
    assert any_far.pids() == [any_far.shell()]
