"""Why a node gives no answer."""

from __future__ import annotations

from drwatch.core.sample import Blind


class Unseen(Exception):
    """Why there is no answer."""

    def __init__(self, blind: Blind, notes: tuple[str, ...] = ()) -> None:
        super().__init__(f"{blind.reason}: {blind.detail}")
        self.blind = blind
        self.notes = notes
