"""The ledger's file, read where no daemon need run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drwatch.cli.trouble import Trouble
from drwatch.config import Config


@contextmanager
def ledger(config: Config) -> Iterator[Path]:
    """Its path; whatever keeps the reader from it becomes Trouble."""
    from drwatch.store import StoreError

    path = config.state_dir / "drwatch.db"
    try:
        path.stat()
        yield path
    except FileNotFoundError:
        raise Trouble(f"{path} is not there: drwatch has not run with this configuration yet", 3) from None
    except PermissionError:
        raise Trouble(f"{path} may not be read by this user: put 'sudo -u drwatch' before the command", 3) from None
    except OSError as error:
        raise Trouble(f"{path} cannot be read ({error.strerror}): check state.directory", 3) from None
    except StoreError as error:
        raise Trouble(str(error), 3) from None
