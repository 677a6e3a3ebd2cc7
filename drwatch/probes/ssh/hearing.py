"""Telling the node's answers from whatever else its shell says. No input or output: bytes in, words out."""

from __future__ import annotations

from dataclasses import dataclass

LINE = 8192
BLOCK = 65536
"""Bytes: the longest line of an answer, and the longest fast block."""


@dataclass(frozen=True, slots=True)
class Word:
    """One line that bore the token: ``kind``, the request's ``number`` and the ``rest``. A fast block is one word of
    kind ``look``, with its ``lines``, or of kind ``flood`` where it did not end in time."""

    kind: str
    number: int
    rest: bytes = b""
    lines: tuple[bytes, ...] = ()


class Hearing:
    """Hears the lines that begin with the token, and what stands between a block's begin and its end.

    Resynchronises on the token at the next line, whatever came before; keeps no more than one line and one block.
    """

    def __init__(self, token: bytes) -> None:
        self._mark = token + b" "
        self._rest = b""
        self._overlong = False
        self._block: list[bytes] = []
        self._block_of: bytes | None = None
        self._block_size = 0
        self.noise = 0
        """Bytes since the last word."""

    def hear(self, data: bytes) -> list[Word]:
        self.noise += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        words = []
        for line in lines:
            if self._overlong:
                self._overlong = False
            elif line.startswith(self._mark):
                if word := self._word(line[len(self._mark) :]):
                    words.append(word)
                    self.noise = 0
            elif self._block_of is not None and line:
                self._block_size += len(line)
                self._block.append(line)
                if self._block_size > BLOCK:
                    words.append(Word("flood", int(self._block_of)))
                    self._block, self._block_of = [], None
        if len(self._rest) > LINE:
            self._rest, self._overlong = b"", True
        return words

    def _word(self, line: bytes) -> Word | None:
        kind, _, rest = line.partition(b" ")
        number, _, rest = rest.partition(b" ")
        if not (number.isdigit() and kind.isalpha() and kind.isascii()):
            return None
        if kind == b"look":
            self._block, self._block_of, self._block_size = [], number, 0
            return None
        if kind == b"done":
            block, whole = tuple(self._block), self._block_of == number
            self._block, self._block_of = [], None
            return Word("look", int(number), lines=block) if whole else None
        return Word(kind.decode(), int(number), rest)
