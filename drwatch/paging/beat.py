"""One beat, in a process of its own: reads an address from stdin and asks for it; says what went wrong on stdout."""

from __future__ import annotations

import http.client
import sys
import urllib.error
import urllib.request
from typing import Final

PATIENCE: Final = 10.0
"""Seconds for each wait of the connection; who started us ends us when all of it takes too long."""

NAME: Final = {"User-Agent": "drwatch"}


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is a portal that wants a log-in, not somebody who watches over us."""

    def redirect_request(self, *_: object) -> None:
        return None


def beat(url: str) -> str:
    """Empty when the answer was one of success, else what came instead; never with the address in it."""
    try:
        with urllib.request.build_opener(_Stay).open(urllib.request.Request(url, headers=NAME), timeout=PATIENCE):
            return ""
    except urllib.error.HTTPError as answer:
        return f"answered {answer.code}"
    except urllib.error.URLError as error:
        reason = error.reason
        words = getattr(reason, "verify_message", "") or getattr(reason, "strerror", None)
        return f"not reached: {words or type(reason).__name__}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"failed: {type(error).__name__}"


if __name__ == "__main__":
    wrong = beat(sys.stdin.readline().strip())
    print(wrong)
    sys.exit(1 if wrong else 0)
