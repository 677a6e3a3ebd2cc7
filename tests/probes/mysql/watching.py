"""What the tests of the MySQL probe say often."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from drwatch.core.sample import Blind, Moment, ReplicationFact, Sample, ServerFact
from drwatch.lab.server import Flavour
from drwatch.probes.mysql import LoginLook, ReplicationLook, ServerLook

EVERY_FLAVOUR = pytest.mark.parametrize("flavour", list(Flavour), ids=str)


def now() -> Moment:
    return Moment(asyncio.get_running_loop().time(), datetime.now(UTC))


async def until(condition: Callable[[], object], within: float, what: str) -> float:
    """Wait for the condition; the seconds that it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not condition():
        assert loop.time() - started < within, f"{what}: not within {within} s"
        await asyncio.sleep(0.002)
    return loop.time() - started


async def look_until(
    look: ServerLook | ReplicationLook | LoginLook, condition: Callable[[Sample], object], within: float
) -> Sample:
    """Look again and again; the first sample for which the condition holds."""
    async with asyncio.timeout(within):
        while True:
            sample = await look.look()
            if condition(sample):
                return sample
            await asyncio.sleep(0.01)  # between two permitted dials a look answers at once


def why(sample: Sample) -> Blind:
    """The reason in a sample that must have no fact."""
    assert isinstance(sample.found, Blind), sample.found
    return sample.found


def server_fact(sample: Sample) -> ServerFact:
    assert isinstance(sample.found, ServerFact), sample.found
    return sample.found


def replication_fact(sample: Sample) -> ReplicationFact:
    assert isinstance(sample.found, ReplicationFact), sample.found
    return sample.found
