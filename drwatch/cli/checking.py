"""``drwatch check-config``: all that is wrong with the file, or what should be known of it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from drwatch.cli.configured import configuration
from drwatch.cli.trouble import Trouble
from drwatch.config import Config, ConfigError, ConfigErrors, Location, Source


def check_config(arguments: argparse.Namespace) -> None:
    path: Path = arguments.file or arguments.config
    config = configuration(path)
    try:
        source = Source(path)
        wrong = ConfigErrors([*_urls(config, source), *_templates(config, source)])
    except ConfigErrors as changed:
        wrong = changed
    if wrong.errors:
        raise Trouble(str(wrong))
    for notice in config.notices:
        print(f"note: {notice}")
    nodes = ", ".join(f"{node.node.name} ({node.role})" for node in config.nodes)
    print(f"{path} is good: {nodes}; channels {', '.join(config.policy.paging.channels) or 'none'}")


def _urls(config: Config, source: Source) -> Iterator[ConfigError]:
    """What Apprise thinks of each URL. Raises Trouble where it cannot be asked."""
    from drwatch.paging.apprise import CourierBroken, check

    try:
        wrong = asyncio.run(check({name: url.reveal() for name, url in config.channels.items()}))
    except CourierBroken as broken:
        raise Trouble(f"the channels could not be checked: {broken}") from None
    for name, why in wrong.items():
        channel: Location = ("paging", "channels", name)
        yield source.error(
            source.first(*((*channel, key) for key in ("url", "url_file", "credential"))),
            f"expected a URL that Apprise can use, and of this one it says: {why}",
            "Write it as Apprise's wiki says, or see docs/channels.md",
        )


def _templates(config: Config, source: Source) -> Iterator[ConfigError]:
    """Each template that cannot be used for events as they could come, once, however many channels have it."""
    from drwatch.core.example import pages
    from drwatch.core.sample import Moment
    from drwatch.paging.words import wrong

    policy, zone = config.policy, ZoneInfo(config.policy.zone)
    examples = list(pages(policy, Moment(0.0, datetime.now(UTC))))
    said: set[tuple[Location, str]] = set()
    # The private ones last: what is wrong with a template for them alone is that names are missing.
    for name in sorted(policy.paging.templates, key=policy.paging.private.__contains__):
        private = name in policy.paging.private
        for part, why in wrong(policy.paging.templates[name], examples, zone, private):
            at = source.first(("paging", "channels", name, "templates", part), ("paging", "templates", part))
            if (at, why) not in said:
                said.add((at, why))
                what = "a template that holds without names (redact) too" if private else "a template"
                manual = "See Your own words in docs/configuration.md"
                yield source.error(at, f"expected {what}, and this one {why}", manual)
