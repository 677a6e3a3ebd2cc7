"""All channels: each looked at in a child, then only the services that they need loaded here."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import apprise

from drwatch.paging.courier.channel import Trouble, manager, open_channel
from drwatch.paging.courier.child import Child

LOAD_LIMIT: Final = 20.0
"""Seconds that a look at the channels' URLs may take, all of Apprise's services loaded."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a channel's URL found: what is wrong with it, or the class that serves it."""

    wrong: str | None = None
    module: str = ""
    name: str = ""


def look(urls: Mapping[str, str], limit: float) -> dict[str, Look]:
    """Every channel's look, made in a child that loads all of Apprise's services and forgets them again."""

    def inside() -> object:
        answers: dict[str, tuple[str | None, str, str]] = {}
        for name, url in urls.items():
            try:
                kind = type(open_channel(url, limit))
                answers[name] = (None, kind.__module__, kind.__qualname__)
            except Trouble as trouble:
                answers[name] = (str(trouble), "", "")
        return answers

    child = Child.start(inside)
    try:
        answer = child.wait(LOAD_LIMIT)
    finally:
        child.kill()
    if not isinstance(answer, dict):
        return {name: Look("Apprise could not look at this URL") for name in urls}
    return {name: Look(*found) for name, found in answer.items()}


def load_only(classes: Iterable[tuple[str, str]]) -> None:
    """Make Apprise know these service classes and no other: it would load some 200 modules, 25 MB, for every one.

    Through the manager's public calls: it is told to load an empty folder and then given the classes.
    """
    register = manager()
    with tempfile.TemporaryDirectory(prefix="drwatch-") as empty:
        register.load_modules(path=empty, name="drwatch")
    for module, name in sorted(set(classes)):
        register.add(getattr(importlib.import_module(module), name))


def load_all() -> None:
    register = manager()
    register.unload_modules()
    register.load_modules()


def open_channels(urls: Mapping[str, str], limit: float) -> tuple[dict[str, apprise.NotifyBase], dict[str, str | None]]:
    """The services by channel name, and for every channel null or what is wrong with it."""
    looks = look(urls, limit)
    wrong = {name: looks[name].wrong for name in urls}
    good = {name: url for name, url in urls.items() if wrong[name] is None}
    try:
        load_only((looks[name].module, looks[name].name) for name in good)
        services = {name: open_channel(url, limit) for name, url in good.items()}
    except Exception:  # noqa: BLE001 (lean loading is a saving only: whatever is wrong with it, load everything)
        load_all()
        services = {name: open_channel(url, limit) for name, url in good.items()}
    return services, wrong
