"""What of a channel's URL is struck out of every text that leaves the courier."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus


class Redactor:
    """Strikes out whatever of the channels' URLs turns up in a text.

    Everything after the scheme counts as secret: in half of Apprise's URLs the host is the token, and an ntfy topic
    is a password.
    """

    def __init__(self, urls: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._words: set[str] = set()
        for url in urls:
            rest = url.split("://", 1)[-1]
            for part in {*re.split(r"[/?&=@:#;,+]", rest), *re.split(r"[/?&=@]", rest), rest}:
                plain = unquote_plus(part)
                forms = {part, unquote(part), plain, quote(plain), quote(plain, safe=""), quote_plus(plain)}
                forms.add(base64.b64encode(plain.encode()).decode())
                self._whole |= {form.casefold() for form in forms if len(form) >= 4}
                self._words |= {word.casefold() for word in re.findall(r"\w+", plain) if len(word) >= 3}
                digits = re.sub(r"\D", "", plain)
                if len(digits) >= 6:
                    self._words.add(digits)
        self._long_first = sorted(self._whole, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._long_first:
            # One at a time: a pattern of all of them at once would let a short one hide a longer one.
            text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
        return re.sub(r"\w+", self._word, text)

    def _word(self, found: re.Match[str]) -> str:
        word = found.group().casefold()
        secret = (
            word in self._words
            or any(len(known) >= 5 and known in word for known in self._words)
            or (len(word) >= 5 and any(word in known for known in self._words))
        )
        return "…" if secret else found.group()
