"""The script that users install copies the files and leaves a marker that never claims too much."""

import fcntl
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drwatch.lab.binaries import Binaries
from drwatch.lab.deadline import until
from drwatch.lab.files import SCRIPT, FileSync
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.sshd import Sshd

RSYNC = """\
#!/bin/sh
# Stands in for rsync: does with its last two arguments what the test says, and notes that it was called.
for source; do [ $# -eq 2 ] && break; shift; done
echo "$1" >>"$CALLS"
case $1 in */) {data} ;; *) cp "$1" "${{2#*:}}" ;; esac
"""


@pytest.fixture(scope="module")
def sync(binaries: Binaries) -> Iterator[FileSync]:
    with Sandbox() as sandbox:
        standby = Sshd(sandbox, binaries, "oslo-b", "127.0.0.12")
        standby.start()
        yield FileSync(sandbox, binaries, "oslo-a", standby, every=0.2)


class Stage:
    """The script beside a false rsync, for what a true one does too seldom."""

    def __init__(self, home: Path) -> None:
        self.home, self.marker, self.calls = home, home / "marker", home / "calls"

    def run(self, data: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        rsync = self.home / "rsync"
        rsync.write_text(RSYNC.format(data=data))
        rsync.chmod(0o755)
        env = {
            "PATH": f"{self.home}:/usr/bin:/bin",
            "MARKER": str(self.marker),
            "LOCK": str(self.home / "lock"),
            "CALLS": str(self.calls),
            "NAME": "oslo-a",
        }
        return subprocess.run(["sh", SCRIPT], env={**env, **settings}, capture_output=True, text=True)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_new_files_come_and_removed_ones_go(sync: FileSync) -> None:
    (sync.source / "a b.jpg").write_text("one")
    assert sync.run()
    assert (sync.target / "a b.jpg").read_text() == "one"
    (sync.source / "a b.jpg").unlink()
    assert sync.run()
    assert list(sync.target.iterdir()) == []


def test_the_marker_is_one_line_that_names_version_start_and_source(sync: FileSync) -> None:
    before = int(time.time())
    assert sync.run()
    word, version, started, source = sync.marker.read_text().removesuffix("\n").split(" ")
    assert (word, version, source) == ("drwatch-marker", "1", "oslo-a")
    assert before <= int(started) <= time.time()
    assert sync.marker.stat().st_mode & 0o777 == 0o644


def test_a_new_marker_replaces_one_of_the_same_size_and_time(sync: FileSync, tmp_path: Path) -> None:
    """Which rsync takes for unchanged: a second run within the second, or two clocks that happen to agree."""
    rsync = shutil.which("rsync", path=sync.env["PATH"])
    agreeing = tmp_path / "rsync"
    agreeing.write_text(
        "#!/bin/sh\n"
        "eval source=\\${$(($# - 1))}\n"
        'case $source in */) ;; *) touch -r "$source" "$MARKER" ;; esac\n'
        f'exec {rsync} "$@"\n'
    )
    agreeing.chmod(0o755)
    sync.marker.write_text("drwatch-marker 1 1000000000 oslo-x\n")
    subprocess.run(["sh", SCRIPT], env={**sync.env, "PATH": f"{tmp_path}:{sync.env['PATH']}"}, check=True)
    assert sync.marker.read_text().endswith(" oslo-a\n")


def test_cron_runs_it_again_and_again_until_it_is_paused(sync: FileSync) -> None:
    with sync:
        runs = sync.runs
        until(lambda: sync.runs >= runs + 2, within=10, what="two more runs")
        sync.paused.set()
        until(lambda: not sync.running, within=5, what="the run under way finished")
        (sync.source / "late").touch()
        runs = sync.runs
        with pytest.raises(TimeoutError):
            until(lambda: sync.runs > runs, within=0.5, what="a run in spite of the pause")
        sync.paused.clear()
        until((sync.target / "late").exists, within=5, what="the file after the pause")
    assert sync.failures == 0


def test_the_marker_carries_the_start_of_the_run_and_comes_after_the_data(stage: Stage) -> None:
    done = stage.run('[ ! -e "$MARKER" ] || exit 9; sleep 1.1; date +%s >"$CALLS.data"')
    assert done.returncode == 0, done.stderr
    assert int(stage.marker.read_text().split()[2]) < int(Path(f"{stage.calls}.data").read_text())


def test_files_that_vanish_while_they_are_copied_are_no_failure(stage: Stage) -> None:
    assert stage.run("exit 24").returncode == 0
    assert stage.marker.exists()


def test_a_failed_copy_leaves_the_old_marker(stage: Stage) -> None:
    stage.marker.write_text("drwatch-marker 1 7 oslo-a\n")
    assert stage.run("exit 23").returncode == 23
    assert stage.marker.read_text() == "drwatch-marker 1 7 oslo-a\n"


def test_a_marker_inside_the_tree_is_refused(stage: Stage) -> None:
    done = stage.run("exit 0", DEST="/var/www/uploads", MARKER="/var/www/uploads/.marker")
    assert done.returncode == 2
    assert "lies inside DEST" in done.stderr
    assert not stage.calls.exists()


def test_a_run_that_meets_its_predecessor_steps_back(stage: Stage) -> None:
    with (stage.home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = stage.run("exit 0")
    assert done.returncode == 0
    assert "still at work" in done.stderr
    assert not stage.calls.exists()
