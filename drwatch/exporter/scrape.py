"""One scrape: the assessment of its moment, and the instruments, as an exposition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder

from drwatch import __version__
from drwatch.core.assessment import Assessment
from drwatch.core.audit import Vitals
from drwatch.core.incident import Incident
from drwatch.core.paging import Held, Row
from drwatch.core.view import ClusterView
from drwatch.exporter.claims import put_actuals, put_claims, put_objectives, put_protection
from drwatch.exporter.families import Sheet
from drwatch.exporter.incidents import put_incidents, put_suppressed
from drwatch.exporter.instruments import Instruments
from drwatch.exporter.nodes import put_host, put_replication, put_server
from drwatch.exporter.witness import put_vitals, put_witness


class Exporter:
    """What the callables give at the moment of a scrape, as an exposition."""

    def __init__(
        self,
        assessment: Callable[[], Assessment | None],
        incidents: Callable[[], Sequence[Incident]],
        rows: Callable[[], Sequence[Row]],
        undelivered: Callable[[], int],
        instruments: Instruments,
        vitals: Callable[[], Vitals] = Vitals,
        held: Callable[[], Held] = dict,
    ) -> None:
        """``assessment`` gives None until the first tick, ``rows`` the ledger's rows that are not settled.

        ``undelivered`` gives the number of critical incidents that too few channels have taken a page of, ``held`` by
        incident the channels from which quiet hours keep it.
        """
        self._assessment, self._incidents, self._rows, self._undelivered = assessment, incidents, rows, undelivered
        self._instruments, self._vitals, self._held = instruments, vitals, held

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, in the format that the HTTP header ``accept`` asks for."""
        seen = _Collector(
            self._assessment(),
            tuple(self._incidents()),
            tuple(self._rows()),
            self._undelivered(),
            self._vitals(),
            self._held(),
            self._instruments,
        )
        encode, content_type = choose_encoder(accept)
        # Fifty pairs take a fifth of a second, and the loop that hears a server hang up must not wait for them.
        return await asyncio.to_thread(encode, seen), content_type


class _Collector(NamedTuple):
    """One scrape: what was seen at its moment."""

    assessment: Assessment | None
    incidents: Sequence[Incident]
    rows: Sequence[Row]
    undelivered: int
    vitals: Vitals
    held: Held
    instruments: Instruments

    def collect(self) -> Iterator[Metric]:
        """The families that have a series now."""
        sheet = Sheet()
        sheet.put("drwatch_build_info", (__version__,), 1.0)
        put_vitals(sheet, self.vitals)
        if self.assessment is not None:
            put_witness(sheet, self.assessment, self.rows, self.undelivered)
            put_incidents(sheet, self.assessment, self.incidents)
            put_suppressed(sheet, self.assessment, self.incidents, self.held)
            for view in self.assessment.clusters:
                _cluster(sheet, self.assessment, view)
        yield from sheet.families()
        yield from self.instruments.collect()


def _cluster(sheet: Sheet, assessment: Assessment, view: ClusterView) -> None:
    put_objectives(sheet, view)
    active = sum(silence.cluster == view.cluster.name for silence in assessment.silences)
    sheet.put("drwatch_silence_active", (view.cluster.name,), active)
    put_actuals(sheet, assessment, view.cluster.name)
    put_protection(sheet, view)
    for job in view.cluster.jobs:
        heard = assessment.snapshot.jobs.get((view.cluster.name, job.name))
        age = assessment.at - heard.done if heard and heard.done else None
        sheet.put("drwatch_job_age_seconds", (view.cluster.name, job.name), age)
    for standby in view.cluster.standbys:
        put_claims(sheet, view, standby.node)
        put_replication(sheet, assessment, view.cluster, standby.node)
    for node in view.cluster.nodes:
        put_server(sheet, assessment.snapshot, node)
        put_host(sheet, assessment.snapshot, node.node)
