"""A sync marker on a real node: fresh, missing, malformed, from the future, and behind a mount that hangs."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from farnode import NODE, Clock, Far, hung_mount, promised

from drwatch.core.sample import Blind, Key, MarkerFact, Probe, Reason, Sample
from drwatch.lab.sandbox import Sandbox
from drwatch.probes.marker import MarkerLook
from drwatch.probes.ssh import SshNode

Connect = Callable[..., SshNode]


class Tree:
    """A marker and the look at it."""

    def __init__(self, node: SshNode, path: Path, clock: Clock) -> None:
        self.path, self.clock, self.offset = path, clock, 0.0
        self.look = MarkerLook(node, name="uploads", path=str(path), clock=clock, offset=lambda: self.offset)

    def write(self, age: float, text: str = "drwatch-marker 1 {epoch} oslo-a\n") -> float:
        """As the sync script does, ``age`` seconds ago by this machine's clock; the epoch seconds."""
        epoch = datetime.now(UTC).timestamp() - age
        self.path.write_text(text.format(epoch=f"{epoch:.3f}"))
        return epoch

    async def why(self) -> Blind:
        sample = await self.look.look()
        assert isinstance(sample.found, Blind), sample.found
        return sample.found


def fact(sample: Sample) -> MarkerFact:
    assert isinstance(sample.found, MarkerFact), sample.found
    return sample.found


@pytest.fixture
def tree(far: Far, connect: Connect, clock: Clock, sandbox: Sandbox) -> Tree:
    return Tree(connect(far, deadline=5.0), sandbox.directory("drwatch-sync") / "uploads", clock)


async def test_a_marker_tells_when_the_last_finished_sync_started_and_where(
    any_far: Far, connect: Connect, clock: Clock, sandbox: Sandbox
) -> None:
    tree = Tree(connect(any_far, deadline=5.0), sandbox.path / "uploads", clock)
    epoch = tree.write(age=300)
    sample = await tree.look.look()
    assert sample.key == Key(NODE, Probe.MARKER, "uploads")
    assert fact(sample).started_at.timestamp() == pytest.approx(epoch, abs=0.002)
    assert fact(sample).age == pytest.approx(300, abs=1)
    assert fact(sample).source == "oslo-a"


@pytest.mark.parametrize(
    "text",
    [
        "drwatch-marker 1 {whole} oslo-a",
        "drwatch-marker 1 {whole} oslo-a\r\n",
        "drwatch-marker 1 {whole}\nsecond line\n",
    ],
    ids=["no end of line", "carriage return", "no host, and more lines"],
)
async def test_a_marker_is_read_as_people_write_it(tree: Tree, text: str) -> None:
    tree.path.write_text(text.format(whole=int(datetime.now(UTC).timestamp()) - 60))
    assert fact(await tree.look.look()).age == pytest.approx(60, abs=2)


async def test_the_age_is_told_by_the_nodes_own_clock_and_the_writers_offset(tree: Tree) -> None:
    """The primary's clock is 30 s ahead of the standby's: a marker of now seems to be of the future, and is not."""
    tree.write(age=-30)
    assert (await tree.why()).reason is Reason.FUTURE
    tree.offset = 30.0
    assert fact(await tree.look.look()).age == pytest.approx(0, abs=1)
    tree.write(age=60)
    assert fact(await tree.look.look()).age == pytest.approx(90, abs=1)


async def test_two_seconds_ahead_are_forgiven_and_count_as_now(tree: Tree) -> None:
    tree.write(age=-1.5)
    assert fact(await tree.look.look()).age == pytest.approx(0, abs=0.6)
    tree.write(age=-3.5)
    assert (await tree.why()).reason is Reason.FUTURE


async def test_an_old_marker_is_a_fact_and_not_ours_to_judge(tree: Tree) -> None:
    tree.write(age=90 * 86400)
    assert fact(await tree.look.look()).age == pytest.approx(90 * 86400, abs=2)


@pytest.mark.parametrize("place", ["uploads", "no/such/directory/uploads"])
async def test_a_marker_that_is_not_there_is_missing(tree: Tree, place: str) -> None:
    tree.look = MarkerLook(tree.look._node, name="uploads", path=str(tree.path.parent / place), clock=tree.clock)
    assert (await tree.why()).reason is Reason.MISSING


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("1795447770\n", id="no name"),
        pytest.param("drwatch-marker 2 1795447770 oslo-a\n", id="another version"),
        pytest.param("drwatch-marker 1 yesterday oslo-a\n", id="no number"),
        pytest.param("drwatch-marker 1 -5 oslo-a\n", id="before the epoch"),
        pytest.param("drwatch-marker 1 179544777000000 oslo-a\n", id="milliseconds"),
        pytest.param("drwatch-marker 1 1795447770 oslo-a and more\n", id="too many words"),
        pytest.param("drwatch-marker 1 1795447770 \x1b[2J\n", id="control characters"),
        pytest.param("\0\0\0", id="NULs"),
        pytest.param("x" * 100_000, id="another file"),
    ],
)
async def test_a_marker_that_makes_no_sense_is_garbled(tree: Tree, text: str) -> None:
    tree.path.write_text(text)
    assert (await tree.why()).reason is Reason.GARBLED


async def test_what_is_no_ordinary_file_is_garbled_and_hangs_nothing(tree: Tree) -> None:
    os.mkfifo(tree.path)
    assert (await tree.why()).reason is Reason.GARBLED
    tree.path.unlink()
    tree.path.mkdir()
    assert (await tree.why()).reason is Reason.GARBLED


async def test_no_other_files_content_is_ever_sent(tree: Tree) -> None:
    tree.path.write_text("root:$6$secret\n")
    answer = await tree.look._node.ask("marker", str(tree.path))
    assert answer.lines == (b"other",)


async def test_a_marker_behind_a_hung_mount_says_for_how_long(
    any_far: Far, connect: Connect, clock: Clock, sandbox: Sandbox
) -> None:
    with hung_mount(sandbox.directory("nfs")) as mount:
        tree = Tree(connect(any_far, deadline=0.5), mount / "uploads", clock)
        assert (await tree.why()).reason is Reason.QUERY_TIMEOUT
        clock.ahead += 20
        blind = await tree.why()
        assert blind.reason is Reason.QUERY_TIMEOUT
        assert "the file system has not answered" in blind.detail
        assert "for 2" in blind.detail


async def test_a_marker_that_was_read_ages_for_thirty_seconds_of_silence_and_is_then_unknown(
    make_far: Callable[..., Far], connect: Connect, clock: Clock, sandbox: Sandbox
) -> None:
    """0 s: 60 s old. Then the disk hangs. 20 s: 80 s old, as read. 31 s: nobody knows. It answers: known again."""
    far = make_far(programs={"head": '#!/bin/sh\n[ ! -e "$HOME/hang" ] || exec sleep 1000\nexec /usr/bin/head "$@"\n'})
    tree = Tree(connect(far, deadline=0.5), sandbox.path / "uploads", clock)
    tree.write(age=60)
    assert fact(await promised(tree.look.look, readable, within=5)).age == pytest.approx(60, abs=3)
    (far.home / "hang").touch()
    clock.ahead += 20
    sample = await tree.look.look()
    assert fact(sample).age == pytest.approx(80, abs=3)
    assert "as it was read" in sample.notes[0]
    clock.ahead += 11
    assert (await tree.why()).reason is Reason.QUERY_TIMEOUT
    (far.home / "hang").unlink()
    clock.ahead += 20
    assert (await promised(tree.look.look, lambda sample: readable(sample) and not sample.notes, within=10)).found


def readable(sample: Sample) -> bool:
    return isinstance(sample.found, MarkerFact)


async def test_a_marker_on_a_node_without_a_channel_is_not_missing(far: Far, tree: Tree) -> None:
    tree.write(age=60)
    far.sshd.kill()
    blind = await tree.why()
    assert blind.reason is Reason.CHANNEL_LOST
    assert "connection refused" in blind.detail


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another account")
async def test_a_marker_that_the_account_may_not_read_is_not_missing(
    make_far: Callable[..., Far], connect: Connect, clock: Clock, sandbox: Sandbox
) -> None:
    script = sandbox.path / "as-nobody.sh"
    script.write_text(
        "exec setpriv --reuid 65534 --regid 65534 --clear-groups sh /dev/fd/3 3<drwatch/probes/ssh/node.sh\n".replace(
            "drwatch/", f"{Path.cwd()}/drwatch/"
        )
    )
    closed = sandbox.directory("closed")
    tree = Tree(connect(make_far(forced=f"exec /bin/sh {script}"), deadline=5.0), closed / "uploads", clock)
    sandbox.path.chmod(0o755)
    closed.chmod(0o700)
    tree.write(age=60)
    assert (await tree.why()).reason is Reason.NO_PRIVILEGE
    closed.chmod(0o755)
    assert fact(await tree.look.look())
    tree.path.chmod(0o600)
    assert (await tree.why()).reason is Reason.NO_PRIVILEGE


@pytest.mark.parametrize("path", ["uploads", "/a\nlook 1", "/a\0b"])
def test_a_path_that_could_break_a_line_is_refused(path: str, clock: Clock) -> None:
    node = SshNode(NODE, host="h", user="u", key_file="k", known_hosts_file="f", clock=clock)
    with pytest.raises(ValueError, match="not an absolute path"):
        MarkerLook(node, name="uploads", path=path, clock=clock)


def test_the_age_never_turns_negative() -> None:
    from drwatch.probes.marker import judge

    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    found = judge(noon + timedelta(seconds=1), "oslo-a", noon, 0.0)
    assert isinstance(found, MarkerFact)
    assert found.age == 0.0
