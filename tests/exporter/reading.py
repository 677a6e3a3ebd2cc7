"""Reading an exposition as Prometheus does."""

import asyncio
from collections.abc import Iterable

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.samples import Sample

from drwatch.core.assessment import Assessment
from drwatch.core.audit import Vitals
from drwatch.core.incident import Incident
from drwatch.core.paging import Held, Row
from drwatch.exporter import Exporter, Instruments

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class Scrape:
    """The series of one scrape, by name and labels. No two may be the same."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.samples = list(samples)
        self._values = {(each.name, frozenset(each.labels.items())): each.value for each in self.samples}
        assert len(self._values) == len(self.samples), "a series appears twice"

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value of the one series with exactly these labels; None when it is absent."""
        return self._values.get((name, frozenset(labels.items())))

    def named(self, name: str) -> dict[tuple[str, ...], float]:
        """Every series of a metric, by its label values in the order of their names."""
        found = [each for each in self.samples if each.name == name]
        return {tuple(value for _, value in sorted(each.labels.items())): each.value for each in found}

    @property
    def names(self) -> set[str]:
        return {each.name for each in self.samples}


def exporter(
    assessment: Assessment | None,
    incidents: Iterable[Incident] = (),
    rows: Iterable[Row] = (),
    instruments: Instruments | None = None,
    undelivered: int = 0,
    held: Held = {},  # noqa: B006 - never changed
) -> Exporter:
    told, due = tuple(incidents), tuple(rows)
    vitals = Vitals(beats=True, beaten=assessment.at) if assessment else Vitals()
    return Exporter(
        lambda: assessment,
        lambda: told,
        lambda: due,
        lambda: undelivered,
        instruments or Instruments(),
        lambda: vitals,
        lambda: held,
    )


def rendered(source: Exporter, accept: str = "") -> tuple[bytes, str]:
    return asyncio.run(source.render(accept))


def scrape(
    assessment: Assessment | None,
    incidents: Iterable[Incident] = (),
    rows: Iterable[Row] = (),
    instruments: Instruments | None = None,
    undelivered: int = 0,
    held: Held = {},  # noqa: B006 - never changed
) -> Scrape:
    """What Prometheus would read, the same in both of its formats."""
    source = exporter(assessment, incidents, rows, instruments, undelivered, held)
    plain, _ = rendered(source)
    modern, _ = rendered(source, OPENMETRICS)
    read = Scrape(sample for family in text(plain.decode()) for sample in family.samples)
    same = Scrape(sample for family in openmetrics(modern.decode()) for sample in family.samples)
    assert {(each.name, str(each.labels)) for each in read.samples} == {
        (each.name, str(each.labels)) for each in same.samples
    }
    return read
