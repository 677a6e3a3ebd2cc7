"""What only the process's own life can measure, and what is kept between scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

from drwatch.core.paging import Killed, Outcome
from drwatch.core.sample import Key

LOOKS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of a look's duration in seconds: a held connection on a LAN answers in under 1 ms, deadlines are near 5 s."""

TICKS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Buckets of a judging tick's duration in seconds."""


class Instruments:
    """What only the process's own life can measure: how long looks and ticks took, what became of pages."""

    def __init__(self, channels: Iterable[str] = ()) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._looks = Histogram(
            "drwatch_probe_duration_seconds",
            "Duration of a look, whether it brought back a fact or not.",
            ("cluster", "node", "probe"),
            buckets=LOOKS,
            registry=registry,
        )
        self._ticks = Histogram(
            "drwatch_tick_duration_seconds", "Duration of one judging tick.", buckets=TICKS, registry=registry
        )
        self._pages = Counter(
            "drwatch_pages",
            "Attempts to deliver a page, by what came of them: accepted, refused, failed, ambiguous.",
            ("channel", "outcome"),
            registry=registry,
        )
        self._kills = Counter(
            "drwatch_courier_kills",
            "Processes that carry pages and had to be killed: an attempt, at its limit, or a courier that was stuck or "
            "did not get ready and was replaced.",
            ("killed",),
            registry=registry,
        )
        for each in Killed:
            self._kills.labels(each)
        self._channels = Gauge(
            "drwatch_paging_channels",
            "Configured paging channels. A critical page counts as delivered when two have taken it: 1 is too few.",
            registry=registry,
        )
        self.expect(channels)

    def expect(self, channels: Iterable[str]) -> None:
        """Show these channels from now on, with 0 attempts: the first failure is then an increase and not a birth."""
        channels = tuple(channels)
        self._channels.set(len(channels))
        for channel, outcome in product(channels, Outcome):
            self._pages.labels(channel, outcome)

    def looked(self, key: Key, seconds: float) -> None:
        """A look took so many seconds."""
        self._looks.labels(key.node.cluster, key.node.name, key.probe).observe(seconds)

    def ticked(self, seconds: float) -> None:
        """A judging tick took so many seconds."""
        self._ticks.observe(seconds)

    def paged(self, channel: str, outcome: Outcome) -> None:
        """One attempt on a paging channel ended so."""
        self._pages.labels(channel, outcome).inc()

    def killed(self, what: Killed) -> None:
        """One attempt, or a courier, had to be killed."""
        self._kills.labels(what).inc()

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            # The library adds each child's birth as a series of its own: half as many again, and nobody asks.
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
