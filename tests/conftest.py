import asyncio
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings

from drwatch.lab.binaries import Unavailable

# pytest-asyncio asks for "the" event loop before it makes its own; Python 3.11 then makes one that nobody closes, and
# the collector reports it in whatever test happens to run. Told that there is none, neither does.
asyncio.set_event_loop(None)

# Under nohup, or in the background of a script, these are ignored, and everything that is started inherits it: programs
# that a signal must end would go on for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# In a fresh checkout the first text that is drawn waits for hypothesis to lay out its table of characters: seconds on a
# busy machine, which it would report as a strategy that is too slow. No test here is about time.
# Where CI is set the examples are the same each time: a new one is a find for whoever works on it, not for who builds.
settings.register_profile(
    "drwatch",
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("drwatch")


ALONE = ("tests/scenarios/test_real.py", "tests/scenarios/test_hosts.py")
"""Each of their tests brings up a pair of its own; in every other file they share what the file's fixtures made."""

TOGETHER = "tests/probes/mysql/"
"""Its files share the servers of one session."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file is one worker's, and what waits longest comes first, so that no worker is left waiting for another."""
    for item in items:
        if not item.nodeid.startswith(ALONE):
            file = item.nodeid.partition("::")[0]
            item.add_marker(pytest.mark.xdist_group(TOGETHER if file.startswith(TOGETHER) else file))
    items.sort(key=lambda item: not item.nodeid.startswith(ALONE))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    with _said():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    with _said():
        yield


@contextmanager
def _said() -> Iterator[None]:
    """A server that this machine cannot have is named in the summary, and why."""
    try:
        yield
    except Unavailable as why:
        pytest.skip(str(why))
