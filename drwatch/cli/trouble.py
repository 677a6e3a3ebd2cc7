"""What a command could not do: one sentence with the remedy, and an exit status."""

from __future__ import annotations


class Trouble(Exception):
    """Printed to stderr as it is; ``status`` becomes the exit status."""

    def __init__(self, sentence: str, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status
