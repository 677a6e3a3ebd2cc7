"""``drwatch page-test``: whether a page arrives."""

from __future__ import annotations

import argparse
import asyncio
import json
from datetime import UTC, datetime

from drwatch.cli.configured import configuration
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import one_line


def page_test(arguments: argparse.Namespace) -> None:
    from drwatch.core.finding import Severity
    from drwatch.core.paging import Letter, Outcome
    from drwatch.daemon.carriers import carriers
    from drwatch.daemon.clock import clock

    config = configuration(arguments.config)
    known = config.policy.paging.channels
    if not known:
        raise Trouble("paging.channels is empty: drwatch would wake nobody. Add a channel to the configuration")
    names = [arguments.channel] if arguments.channel else list(known)
    if unknown := [name for name in names if name not in known]:
        raise Trouble(f"there is no channel {unknown[0]}: the configuration has {', '.join(known)}")

    async def send() -> None:
        urls = {name: url for name, url in config.channels.items() if name in names}
        carrier = carriers(urls, config.alertmanagers, clock)
        await carrier.start()
        try:
            # Each is one of its own: what a service has open from the last one would swallow it.
            event = f"TEST{datetime.now(UTC):%m%d%H%M%S}.1"
            title = f"TEST drwatch: this is a test page, nothing is wrong [{event}]"
            body = "If you can read this, drwatch can wake you through this channel."
            came = await asyncio.gather(
                *(carrier.send(Letter(name, event, title, body, Severity.WARNING)) for name in names)
            )
        finally:
            await carrier.close()
        for name, delivery in zip(names, came, strict=True):
            if arguments.json:
                fields = {"channel": name, "outcome": delivery.outcome, "seconds": round(delivery.seconds, 3)}
                print(json.dumps({**fields, "detail": delivery.detail}, ensure_ascii=False))
                continue
            detail = f": {one_line(delivery.detail)}" if delivery.detail not in ("", delivery.outcome) else ""
            print(f"{name}: {delivery.outcome} in {delivery.seconds:.2f} s{detail}")
        deaf = [name for name, delivery in zip(names, came, strict=True) if delivery.outcome is not Outcome.ACCEPTED]
        if deaf:
            raise Trouble(
                f"{', '.join(deaf)} would wake nobody: check its URL, its account and that this machine reaches the"
                " service; see PagingBroken in docs/runbooks.md",
                1,
            )

    asyncio.run(send())
