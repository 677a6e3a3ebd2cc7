"""The configuration, as the commands ask for it."""

from __future__ import annotations

import os
from pathlib import Path

from drwatch.cli.trouble import Trouble
from drwatch.config import Config, ConfigErrors, load

DEFAULT = Path("/etc/drwatch/drwatch.yaml")


def configuration(path: Path, look: bool = True) -> Config:
    """Raises Trouble with all that is wrong, a line each; ``look=False`` leaves secrets and key files alone."""
    try:
        return load(path, os.environ, look=look)
    except ConfigErrors as wrong:
        raise Trouble("\n".join(str(error) for error in wrong.errors)) from None
