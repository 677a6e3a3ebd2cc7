"""A real MQTT broker, Debian's mosquitto, with accounts: what Apprise makes of mqtt://."""

import base64
import hashlib
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from engines import letter
from paho.mqtt.enums import CallbackAPIVersion
from real import Running, answers, program
from receivers import free_port

from drwatch.core.paging import Letter, Outcome
from drwatch.paging.apprise import Courier, Delivery

Make = Callable[..., Courier]


class Broker(Running):
    """It knows one account; ``heard`` has what came to ``night/pager``."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        salt = b"0123456789ab"
        digest = hashlib.pbkdf2_hmac("sha512", b"Hunter2pw", salt, 101)
        known = f"drwatch:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"
        (folder / "passwords").write_text(known)
        config = folder / "mosquitto.conf"
        lines = (f"listener {self.port} 127.0.0.1", "allow_anonymous false", f"password_file {folder / 'passwords'}")
        # Started by root it becomes another user, which does not see this directory.
        config.write_text("\n".join((*lines, "user root", "")))
        super().__init__([program("mosquitto"), "-c", str(config)], folder / "log", lambda: answers(self.port))
        self.heard: queue.Queue[str] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("drwatch", "Hunter2pw")
        self._client.on_message = lambda _, __, message: self.heard.put(message.payload.decode())
        ready: queue.Queue[None] = queue.Queue()
        self._client.on_subscribe = lambda *_: ready.put(None)
        self._client.connect("127.0.0.1", self.port)
        self._client.subscribe("night/pager", qos=1)
        self._client.loop_start()
        ready.get(timeout=10)

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


async def send(courier: Make, port: int, login: str, limit: float = 15.0) -> Delivery:
    page = letter()
    url = f"mqtt://{login}127.0.0.1:{port}/night/pager?qos=1"
    carrier = courier(phone=url, limit=limit)
    return await carrier.send(Letter("phone", page.event, page.title, "what to do: æøå", page.severity))


async def test_a_page_arrives_at_the_topic(courier: Make, broker: Broker) -> None:
    came = await send(courier, broker.port, "drwatch:Hunter2pw@")
    assert (came.outcome, came.detail) == (Outcome.ACCEPTED, "accepted")
    heard = broker.heard.get(timeout=10)
    assert letter().title in heard
    assert "what to do: æøå" in heard


@pytest.mark.parametrize("login", ["", "drwatch:Wr0ngpw77@"])
async def test_who_is_not_let_in_has_told_nobody_and_says_so(courier: Make, broker: Broker, login: str) -> None:
    # A broker that shuts the door says so in a way that Apprise waits through.
    came = await send(courier, broker.port, login, limit=4.0)
    assert came.outcome is not Outcome.ACCEPTED
    assert "Wr0ngpw77" not in came.detail
    assert broker.heard.empty()


async def test_a_dead_broker_is_surely_not_delivered(courier: Make) -> None:
    came = await send(courier, free_port(), "")
    assert (came.outcome, came.detail) == (Outcome.FAILED, "connection refused")
