"""One word of one chair, with the sentence that it is said in and the age that it has."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from drwatch.core.evidence import Vote
from drwatch.core.sample import Moment

S = TypeVar("S", bound=StrEnum)

ARRIVING = 2.0
"""Seconds after the trouble began in which what was under way may still be seen to arrive."""

ABSTAINS = 30.0
"""Seconds after which the word of a chair that is asked only while there is trouble is stale: nobody asks it again."""


class Word(NamedTuple, Generic[S]):
    """A chair's word, and when the look was asked that it was read off."""

    said: S
    sentence: str
    asked: Moment | None = None

    def vote(self, chair: str, now: Moment) -> Vote:
        age = now - self.asked if self.asked else None
        return Vote(chair, str(self.said), self.sentence, age, counts=self.said != "unknown")
