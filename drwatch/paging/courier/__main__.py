"""The courier as a process; the package says what it is asked and answers."""

from __future__ import annotations

import logging
import os
import resource
import signal
from contextlib import suppress

from drwatch.paging.courier.child import die_with_parent
from drwatch.paging.courier.desk import Desk


def main() -> None:
    """Serve on stdin and stdout until stdin ends."""
    parent = os.getppid()
    die_with_parent(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Who started it decides when it ends, by closing stdin: a ctrl-C or a stop of the whole group is not for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logger = logging.getLogger("apprise")
    logger.propagate = False
    outbox = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    with suppress(BrokenPipeError):
        Desk(0, outbox).run()


if __name__ == "__main__":
    main()
