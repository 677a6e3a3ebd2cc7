"""The metrics: the current assessment rendered afresh at each scrape, beside a few instruments of the process's life.

Nothing of the watched world is kept between scrapes. What is unknown is an absent series, and ``..._known 0`` where
somebody relies on the figure; there are no sentinel numbers. Every age is read off ``Assessment.at``, so the room
needs no clock: whoever wants to know that the judging stands still compares ``drwatch_assessment_timestamp_seconds``
with his own.
"""

from __future__ import annotations

from drwatch.exporter.families import FAMILIES
from drwatch.exporter.instruments import Instruments
from drwatch.exporter.scrape import Exporter

__all__ = ["FAMILIES", "Exporter", "Instruments"]
