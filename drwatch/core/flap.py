"""How often one trouble has come and gone lately, and whether that is too often to tell each time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drwatch.core.sample import Moment

IncidentKey = tuple[str, str, str]
"""(cluster, topic, subject)."""


@dataclass(frozen=True, slots=True)
class Flap:
    """One trouble's comings and goings."""

    opened: tuple[Moment, ...] = ()
    """When its incidents were confirmed, the newest last."""
    since: Moment | None = None
    """The first of them once it flaps, else None."""
    changes: int = 0
    """How often it has come or gone since."""
    changed: Moment | None = None
    """The last time that it did."""
    back: Moment | None = None
    """When it last came after it had been away for so long that it would have been over."""
    true: bool = True
    critical: bool = False
    """Whether it was so grave, and is told at none of its comings since."""

    def open(self, times: int, within: float, now: Moment) -> Flap:
        """With one more incident of it that people would be told of."""
        opened = (*(at for at in self.opened if now - at < within), now)[-times:]
        if self.since is not None or len(opened) < times:
            return replace(self, opened=opened)
        # Each came, and all but the last went.
        return Flap(opened, opened[0], 2 * len(opened) - 1, now)

    def turn(self, true: bool, hold: float, now: Moment) -> Flap:
        """As it is now. Away for ``hold`` seconds it would have been told as over."""
        if self.since is None or self.changed is None or true is self.true:
            return self
        back = now if true and now - self.changed >= hold else self.back
        return replace(self, true=true, changes=self.changes + 1, changed=now, back=back)

    def steady(self, seconds: float, now: Moment) -> bool:
        """Whether it flaps no more: nothing has changed for so long."""
        return self.changed is not None and now - self.changed >= seconds

    def forgotten(self, within: float, now: Moment) -> bool:
        return self.since is None and all(now - at >= within for at in self.opened)
