"""A page as the phone got it, read back into what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from drwatch.core.finding import Condition, Severity
from drwatch.core.paging import ENDS, PageReason
from drwatch.lab.inbox import PHONE

_TITLE = re.compile(
    r"(?:DRILL )?(?P<severity>CRITICAL|WARNING|RESOLVED|MISSED) (?P<reason>NOW |AGAIN |STILL |NOBODY ACTED )?"
    r"(?:(?P<cluster>\S+): )?"
    r"(?P<condition>[A-Z]\w+) (?P<subject>\S+) .*\[(?P<event>[A-Z2-7]{6}\.\d+)\]",
    re.DOTALL,
)
_REASONS = {
    None: PageReason.FIRST,
    "NOW ": PageReason.CHANGED,
    "AGAIN ": PageReason.AGAIN,
    "STILL ": PageReason.STILL,
    "NOBODY ACTED ": PageReason.ESCALATED,
}
_ENDS = {"RESOLVED": PageReason.RESOLVED, "MISSED": PageReason.MISSED}


@dataclass(frozen=True)
class Told:
    """What reached the phone; ``after`` in seconds since the fault."""

    after: float
    condition: Condition
    severity: Severity | None
    """None on a resolve."""
    reason: PageReason
    title: str
    body: str
    event: str
    channel: str = PHONE

    @property
    def resolved(self) -> bool:
        return self.reason in ENDS

    @property
    def told(self) -> tuple[Told, ...]:
        """What it says: one that came when all was over says both that it was, and that it is over."""
        if self.reason is not PageReason.MISSED:
            return (self,)
        return (replace(self, reason=PageReason.FIRST), replace(self, reason=PageReason.RESOLVED))


def read(title: str, body: str, after: float, channel: str = PHONE) -> Told:
    """Raises ValueError for a title that drwatch does not write."""
    found = _TITLE.match(title)
    if found is None:
        raise ValueError(f"not a page of drwatch: {title!r}")
    end = _ENDS.get(found["severity"])
    return Told(
        after=after,
        condition=Condition(found["condition"]),
        severity=None if end else Severity(found["severity"].lower()),
        reason=end or _REASONS[found["reason"]],
        title=title,
        body=body,
        event=found["event"],
        channel=channel,
    )
