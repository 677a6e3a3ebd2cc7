"""What has been told already, and how much lower than raised a told finding clears."""

from __future__ import annotations

Firing = frozenset[tuple[str, str, str]]
"""(cluster, topic, subject) of the incidents that are open."""

CLEAR = 0.8
"""A finding whose incident is open stays true down to this share of its limit."""
