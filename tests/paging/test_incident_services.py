"""What the services that keep incidents of their own are asked: copies and the end of one incident meet there."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloud import Cloud
from engines import letter

from drwatch.core.finding import Severity
from drwatch.core.paging import Letter, Outcome, PageReason, Row
from drwatch.core.sample import Moment
from drwatch.paging.apprise import Courier

PAGERDUTY = "pagerduty://R0kS3Gvt8eQwPzLm5XyB2nJc7aHd4fUi@nx8QZvR3tLk9wPb2sYdM"
OPSGENIE = "opsgenie://7f3c9a52-51e4-4b0c-9d27-6a8e1b3f5c90"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path, request.param)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    yield cloud
    cloud.close()


async def page(carrier: Courier, number: int, resolved: bool = False, incident: str = "ABCDEF") -> None:
    about = letter(number, incident=incident, resolved=resolved)
    came = await carrier.send(Letter("phone", about.event, about.title, "what to do", about.severity, resolved))
    assert came.outcome is Outcome.ACCEPTED, came.detail


@pytest.mark.parametrize("cloud", ["events.pagerduty.com"], indirect=True)
async def test_pagerduty_is_told_the_end_of_what_it_was_told_before(
    courier: Callable[..., Courier], cloud: Cloud
) -> None:
    carrier = courier(phone=PAGERDUTY, limit=15.0)
    await page(carrier, 1)
    await page(carrier, 2)
    await page(carrier, 3, resolved=True)
    await page(carrier, 1, incident="OTHER7")
    asked = [(each.body["event_action"], each.body["dedup_key"]) for each in cloud.requests]
    assert asked == [("trigger", "ABCDEF"), ("trigger", "ABCDEF"), ("resolve", "ABCDEF"), ("trigger", "OTHER7")]
    assert {(each.host, each.line) for each in cloud.requests} == {
        ("events.pagerduty.com", "POST /v2/enqueue HTTP/1.1")
    }


@pytest.mark.parametrize("cloud", ["events.pagerduty.com"], indirect=True)
async def test_a_key_that_the_channel_s_url_names_stays(courier: Callable[..., Courier], cloud: Cloud) -> None:
    await page(courier(phone=f"{PAGERDUTY}?dedup=ours&action=map", limit=15.0), 1, resolved=True)
    assert [(each.body["event_action"], each.body["dedup_key"]) for each in cloud.requests] == [("resolve", "ours")]


@pytest.mark.parametrize("cloud", ["api.opsgenie.com"], indirect=True)
async def test_opsgenie_is_told_everything_under_one_alias(courier: Callable[..., Courier], cloud: Cloud) -> None:
    carrier = courier(phone=OPSGENIE, limit=15.0)
    await page(carrier, 1)
    await page(carrier, 2, resolved=True)
    assert [each.body["alias"] for each in cloud.requests] == ["ABCDEF", "ABCDEF"]
    assert cloud.requests[1].body["message"].startswith("RESOLVED")


def sent(reason: PageReason, event: str) -> Letter:
    """What a row of the ledger is sent as."""
    now = Moment(0.0, datetime.now(UTC))
    incident = event if reason in (PageReason.TEST, PageReason.DIGEST) else event.partition(".")[0]
    return Row(event, "phone", incident, reason, Severity.WARNING, f"{event} title", "body", now, now).letter


@pytest.mark.parametrize("cloud", ["events.pagerduty.com"], indirect=True)
async def test_pagerduty_is_told_each_digest_by_itself_and_a_test_leaves_nothing_open(
    courier: Callable[..., Courier], cloud: Cloud
) -> None:
    """A thing that stays open would take all later ones in without a ring."""
    carrier = courier(phone=PAGERDUTY, limit=15.0)
    for reason, event in (
        (PageReason.DIGEST, "DIGEST.2026-11-23"),
        (PageReason.DIGEST, "DIGEST.2026-11-24"),
        (PageReason.TEST, "TEST.2026-11-24T10:00"),
    ):
        assert (await carrier.send(sent(reason, event))).outcome is Outcome.ACCEPTED
    assert [(each.body["event_action"], each.body["dedup_key"]) for each in cloud.requests] == [
        ("trigger", "DIGEST.2026-11-23"),
        ("trigger", "DIGEST.2026-11-24"),
        ("trigger", "TEST.2026-11-24T10:00"),
        ("resolve", "TEST.2026-11-24T10:00"),
    ]


@pytest.mark.parametrize("cloud", ["events.pagerduty.com"], indirect=True)
async def test_pagerduty_shows_what_came_and_went_while_it_could_be_told_of_neither(
    courier: Callable[..., Courier], cloud: Cloud
) -> None:
    await courier(phone=PAGERDUTY, limit=15.0).send(sent(PageReason.MISSED, "ABCDEF.2"))
    assert [(each.body["event_action"], each.body["dedup_key"]) for each in cloud.requests] == [("trigger", "ABCDEF.2")]


@pytest.mark.parametrize("cloud", ["events.pagerduty.com"], indirect=True)
async def test_a_test_under_a_key_of_the_url_resolves_nothing_that_may_be_open_there(
    courier: Callable[..., Courier], cloud: Cloud
) -> None:
    await courier(phone=f"{PAGERDUTY}?dedup=ours&action=map", limit=15.0).send(sent(PageReason.TEST, "TEST.2026-11-24"))
    assert [(each.body["event_action"], each.body["dedup_key"]) for each in cloud.requests] == [("trigger", "ours")]
