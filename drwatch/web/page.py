"""The status page: plain HTML for a phone at night, refreshed by the browser itself, without a line of script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import tzinfo

from drwatch.core.assessment import Assessment
from drwatch.core.incident import Incident
from drwatch.core.paging import Row
from drwatch.web.markup import Markup, tag

STYLE = Markup("body{font-family:system-ui,sans-serif}")
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def render(
    assessment: Assessment | None,
    incidents: Sequence[Incident],
    rows: Sequence[Row],
    wrong: str | None,
    zone: tzinfo,
) -> str:
    """The page; ``wrong`` is what ails drwatch itself."""
    body = [tag("p", incident.summary) for incident in incidents]
    return "<!doctype html>" + tag("html", tag("head", tag("style", STYLE)), tag("body", *body))
