"""What can be broken in a pair, and how it is mended."""

from collections.abc import Callable
from dataclasses import dataclass

from drwatch.lab import takeover
from drwatch.lab.flavour import Need
from drwatch.lab.pair import Pair


@dataclass(frozen=True)
class Fault:
    """`strike` returns the monotonic time at which the fault began; `mend` makes the pair healthy again, if it can."""

    name: str
    sentence: str
    strike: Callable[[Pair], float]
    mend: Callable[[Pair], None]
    needs_small_disk: bool = False
    """Only a pair that was brought up with one has it."""
    needs: tuple[Need, ...] = ()
    """Likewise."""
    circumstance: bool = False
    """It breaks nothing by itself: it is what another fault meets."""
    needs_hosts: bool = False
    """Only a pair on hosts of its own has it."""

    @property
    def mends(self) -> bool:
        """Whether the pair is as before after it, and not left as it then is."""
        return self.mend is not takeover.leave

    @property
    def on_any_pair(self) -> bool:
        """Whether every pair, however it was brought up, can have it and be mended."""
        return self.mends and not (self.needs_small_disk or self.needs_hosts or self.needs)
