"""Jobs on the nodes that say when they have run: what was heard of each; a restart must not forget it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from drwatch.core.sample import Moment


class Said(StrEnum):
    """What a job says; the last part of its address."""

    DONE = "done"
    START = "start"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one job: since when it is awaited, and when it last said that it is done, has begun, has failed."""

    since: Moment
    done: Moment | None = None
    started: Moment | None = None
    failed: Moment | None = None

    def hear(self, said: Said, now: Moment) -> Heard:
        match said:
            case Said.DONE:
                return replace(self, done=now, started=None, failed=None)
            case Said.START:
                return replace(self, started=now)
            case Said.FAIL:
                return replace(self, failed=now, started=None)
