"""What must survive a crash: the incidents, the ledger of pages, and what claims rest on. SQLite, one writer.

A change and the pages that it causes are committed in one transaction, synced to the disk, before anything is sent.
Nothing is decided here. Moments are kept by their wall hand, as UTC text that sorts; those of the memory by both.
"""

from __future__ import annotations

from drwatch.store.account import Account, Hushed, Paged, Sent, read_account, read_pages
from drwatch.store.acks import Acked
from drwatch.store.blackbox import Boxed, verify
from drwatch.store.past import Past, read_blackbox, read_drills, read_history
from drwatch.store.schema import MIGRATIONS
from drwatch.store.trouble import DiskAiling, StoreBusy, StoreError
from drwatch.store.votes import Ballot
from drwatch.store.writer import Attempt, Loaded, Store

__all__ = [
    "MIGRATIONS",
    "Account",
    "Acked",
    "Attempt",
    "Ballot",
    "Boxed",
    "DiskAiling",
    "Hushed",
    "Loaded",
    "Paged",
    "Past",
    "Sent",
    "Store",
    "StoreBusy",
    "StoreError",
    "read_account",
    "read_blackbox",
    "read_drills",
    "read_history",
    "read_pages",
    "verify",
]
