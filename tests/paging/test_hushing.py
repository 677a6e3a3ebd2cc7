"""Silences that cannot be set or ended as one would: what it costs a page, and how often it is tried. Real HTTP."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from engines import Channel, clock, hush, letter
from receivers import Inbox, Mute, until

from drwatch.core.finding import Condition
from drwatch.core.paging import Delivery, Outcome
from drwatch.core.policy import LONGEST_SILENCE
from drwatch.paging.alertmanager import Alertmanager
from drwatch.paging.hushing import Pace
from drwatch.paging.peers import Peers

Make = Callable[..., Channel]


class Engine:
    """An Alertmanager's book of silences, and nothing else of one."""

    def __init__(self) -> None:
        self.silences: list[dict[str, Any]] = []
        self.asked: list[str] = []
        """Method and path, in their order; alerts too."""
        self.slow = 0.0
        """Seconds before each answer that is not about alerts."""
        self.away = False
        """Whether it answers with an error instead, where it is not about alerts."""
        self.deaf = False
        """Whether what it does is never answered."""
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                engine._answer(self)

            do_GET = do_DELETE = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        said = request.rfile.read(int(request.headers.get("content-length", 0)))
        path = request.path.partition("?")[0].removeprefix("/api/v2/")
        if path != "alerts":
            time.sleep(self.slow)
        self.asked.append(f"{request.command} {path}")
        if self.away and path != "alerts":
            request.send_error(503)
            return
        answer: object = {}
        if request.command == "GET":
            answer = self.silences
        elif path == "silences":
            given = json.loads(said)
            self.silences.append({"id": str(len(self.silences)), "status": {"state": "active"}, **given})
        elif request.command == "DELETE":
            self.silences[int(path.partition("/")[2])]["status"] = {"state": "expired"}
        if self.deaf and path == "silences" and request.command == "POST":
            time.sleep(4)
        body = json.dumps(answer).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    @property
    def active(self) -> list[dict[str, Any]]:
        return [each for each in self.silences if each["status"]["state"] == "active"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


async def test_a_silence_is_about_the_alert_s_own_labels_and_says_who_why_and_until_when(
    channel: Make, engine: Engine
) -> None:
    made = channel(engine.address)
    await made.engine.send(letter())
    made.hushed["ABCDEF"] = hush()
    made.keep()
    await until(lambda: engine.active)
    (silence,) = engine.active
    assert {each["name"]: each["value"] for each in silence["matchers"]} == {
        "alertname": "PrimaryDown",
        "cluster": "shop",
        "subject": "oslo-a",
        "severity": "critical",
        "incident": "ABCDEF",
        "job": "drwatch",
    }
    assert not any(each["isRegex"] for each in silence["matchers"])
    assert (silence["createdBy"], silence["comment"]) == ("anna", "drwatch ABCDEF: in hand: on it")
    assert silence["endsAt"] == made.hushed["ABCDEF"].until.isoformat(timespec="milliseconds")


async def test_of_what_was_never_told_here_nothing_is_silenced(channel: Make, engine: Engine) -> None:
    made = channel(engine.address)
    made.hushed["ABCDEF"] = hush()
    made.keep()
    began = clock().loop
    await until(lambda: clock().loop - began > 1.2)
    assert engine.asked == []


async def test_a_silence_whose_answer_got_lost_is_not_set_twice(channel: Make, engine: Engine) -> None:
    engine.deaf = True
    made = channel(engine.address, pace=Pace(1.0, (0.1, 0.1)))
    await made.engine.send(letter())
    made.hushed["ABCDEF"] = hush()
    made.keep()
    await until(lambda: engine.asked[1:] == ["GET silences", "POST silences", "GET silences"])
    assert len(engine.active) == 1


async def test_a_silence_that_cannot_be_set_is_tried_again_so_often_and_said_twice(
    channel: Make, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.always = "403"
    made = channel(f"http://127.0.0.1:{inbox.port}", pace=Pace(again=(0.1, 0.1, 0.1)))
    made.hushed["ABCDEF"] = hush()
    await made.engine.send(letter())
    made.keep()
    await until(lambda: "given up" in caplog.text)
    began, asked = clock().loop, [page.path for page in inbox.pages if "silences" in page.path]
    assert len(asked) == 4
    said = [record.message.partition(":")[0] for record in caplog.records if "silence" in record.message]
    assert said == [
        "the silence of ABCDEF in Alertmanager cannot be set, it is tried again",
        "the silence of ABCDEF in Alertmanager cannot be set, it is given up",
    ]
    await until(lambda: clock().loop - began > 1.2)
    assert len([page for page in inbox.pages if "silences" in page.path]) == 4, "that was the last attempt"
    # And it costs no page anything.
    inbox.always = None
    assert (await made.engine.send(letter(2))).outcome is Outcome.ACCEPTED


async def ended_while_away(made: Channel, engine: Engine) -> None:
    """A silence that was set, and that its operator ends while no peer answers."""
    made.hushed["ABCDEF"] = hush()
    await made.engine.send(letter())
    made.keep()
    await until(lambda: engine.active)
    engine.away, engine.asked[:] = True, []
    made.hushed.clear()


async def test_the_end_of_a_silence_goes_on_being_tried_until_a_peer_is_back(channel: Make, engine: Engine) -> None:
    """What is told meanwhile would be heard by nobody for as long as somebody once wanted silence."""
    made = channel(engine.address, pace=Pace(again=(0.1, 0.1)))
    await ended_while_away(made, engine)
    await until(lambda: len(engine.asked) > 4)
    engine.away = False
    await until(lambda: not engine.active)


async def test_the_end_of_a_silence_is_tried_no_longer_than_that_lasts() -> None:
    now, asked, hushed = [clock()], list[str](), {"ABCDEF": hush()}

    async def ask(request: Mapping[str, object], limit: float) -> tuple[Delivery, str]:
        asked.append(str(request["method"]))
        return Delivery(Outcome.FAILED, "connection refused", 0.0), ""

    peers, pace = Peers(("http://am1:9093",), {}), Pace(again=(0.1,))
    engine = Alertmanager(peers, ask, lambda: now[0], tuple, lambda: hushed, [letter()], pace=pace)
    keeping = asyncio.create_task(engine.keep())
    await until(lambda: asked)
    hushed.clear()
    now[0] = now[0].plus(60.0)
    await until(lambda: len(asked) > 1)
    # A peer's clock may be some minutes behind.
    now[0] = now[0].plus(LONGEST_SILENCE + 600.0)
    began, before = clock().loop, len(asked)
    await until(lambda: clock().loop - began > 1.2)
    keeping.cancel()
    assert len(asked) <= before + 1, "at most the one that was on its way"


async def test_a_peer_that_hangs_holds_up_the_silence_for_three_seconds_and_no_page(
    channel: Make, engine: Engine, unanswering: Mute
) -> None:
    made = channel(f"http://127.0.0.1:{unanswering.port}", engine.address)
    made.hushed["ABCDEF"] = hush()
    await made.engine.send(letter())
    made.keep()
    began = clock().loop
    await until(lambda: any(asked.startswith("GET") for asked in engine.asked) or clock().loop - began > 1)
    assert (await made.engine.send(letter(2))).outcome is Outcome.ACCEPTED
    assert clock().loop - began < 2.5
    await until(lambda: engine.active)
    assert clock().loop - began < 5


async def test_an_end_waits_a_second_for_the_silence_and_no_longer(channel: Make, engine: Engine) -> None:
    made = channel(engine.address)
    made.hushed["ABCDEF"] = hush()
    await made.engine.send(letter())
    made.keep()
    await until(lambda: engine.active)
    made.hushed.clear()
    engine.slow = 2.0
    began = clock().loop
    assert (await made.engine.send(letter(2, resolved=True))).outcome is Outcome.ACCEPTED
    assert 0.9 < clock().loop - began < 1.9
    await until(lambda: not engine.active)


async def test_the_end_is_told_when_the_silence_is_over(channel: Make, engine: Engine) -> None:
    made = channel(engine.address)
    made.hushed["ABCDEF"] = hush()
    await made.engine.send(letter())
    made.keep()
    await until(lambda: engine.active)
    made.hushed.clear()
    await made.engine.send(letter(2, resolved=True))
    assert engine.asked[-3:] == ["GET silences", "DELETE silence/0", "POST alerts"]


async def test_a_page_after_a_silence_that_no_peer_would_end_ends_it_first(channel: Make, engine: Engine) -> None:
    made = channel(engine.address, pace=Pace(again=(60.0,)))
    await ended_while_away(made, engine)
    await until(lambda: engine.asked)
    engine.away = False
    await made.engine.send(letter(2))
    assert engine.asked[-3:] == ["GET silences", "DELETE silence/0", "POST alerts"]


async def test_a_page_of_what_somebody_has_in_hand_ends_no_silence(channel: Make, engine: Engine) -> None:
    made = channel(engine.address)
    made.hushed["ABCDEF"] = hush()
    await made.engine.send(letter())
    made.keep()
    await until(lambda: engine.active)
    await made.engine.send(letter(2))
    assert engine.active
    made.judged = False
    await made.engine.send(letter(3))
    assert engine.active, "nobody knows yet that it is over"


async def test_an_end_of_what_was_never_silent_asks_nothing(channel: Make, engine: Engine) -> None:
    made = channel(engine.address)
    made.keep()
    await made.engine.send(letter())
    await made.engine.send(letter(2, resolved=True))
    assert engine.asked == ["POST alerts", "POST alerts"]


async def test_a_trouble_that_is_paged_anew_under_another_name_is_silent_under_neither(
    channel: Make, engine: Engine
) -> None:
    made = channel(engine.address)
    made.hushed["ABCDEF"] = hush()
    await made.engine.send(letter())
    made.keep()
    await until(lambda: engine.active)
    # Worse than what somebody took on: nobody has it in hand any more.
    made.hushed.clear()
    await made.engine.send(letter(2, condition=Condition.ZOMBIE_PRIMARY))
    await until(lambda: not engine.active)


async def test_a_human_s_own_silence_is_left_alone(channel: Make, engine: Engine) -> None:
    made = channel(engine.address, standing=[letter()])
    await made.engine.send(letter())
    human = {"matchers": [{"name": "incident", "value": "ABCDEF", "isRegex": False}], "comment": "we know"}
    engine.silences.append({"id": "0", "status": {"state": "active"}, "endsAt": "2030-01-01T00:00:00Z", **human})
    made.keep()
    await until(lambda: "GET silences" in engine.asked)
    await made.engine.send(letter(2, resolved=True))
    assert engine.active
    assert not any(asked.startswith("DELETE") for asked in engine.asked)


async def test_before_the_first_judgement_no_silence_of_an_earlier_run_is_ended(channel: Make, engine: Engine) -> None:
    before = channel(engine.address)
    before.hushed["ABCDEF"] = hush()
    await before.engine.send(letter())
    before.keep()
    await until(lambda: engine.active)
    await before.close()
    made = channel(engine.address, standing=[letter()])
    made.judged = False
    made.keep()
    began = clock().loop
    await until(lambda: clock().loop - began > 1.2)
    assert engine.active
    made.judged = True
    await until(lambda: not engine.active)
