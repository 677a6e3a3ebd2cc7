"""A real chat server, Debian's ngircd, and somebody who sits in its channel: what Apprise makes of irc://."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engines import letter
from real import Running, answers, program
from receivers import free_port

from drwatch.core.paging import Letter, Outcome
from drwatch.paging.apprise import Courier, Delivery

Make = Callable[..., Courier]


class Chat(Running):
    """A server with a password, and a human in #night."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "ngircd.conf"
        config.write_text(
            f"""
            [Global]
            Name = chat.example.no
            Listen = 127.0.0.1
            Ports = {self.port}
            Password = Hunter2pw
            [Options]
            DNS = no
            Ident = no
            PAM = no
            [Limits]
            # Else each line of a client's makes its next one wait.
            MaxPenaltyTime = 0
            """
        )
        # In the foreground, as whoever starts it.
        super().__init__([program("ngircd"), "-n", "-f", str(config)], folder / "log", lambda: answers(self.port))
        self._human = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self._stream = self._human.makefile("rw", encoding="utf-8", newline="\r\n")
        for line in ("PASS Hunter2pw", "NICK human", "USER human 0 * :a human", "JOIN #night"):
            self._stream.write(f"{line}\r\n")
        self._stream.flush()
        self.hears(" 366 ")

    def hears(self, what: str) -> str:
        """The next line that has it; TimeoutError when none comes within ten seconds."""
        while line := self._stream.readline():
            if line.startswith("PING"):
                self._stream.write(f"PONG{line[4:]}")
                self._stream.flush()
            if what in line:
                return line.strip()
        raise AssertionError("the chat has ended")

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._human.close()
        self.kill()


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with Chat(tmp_path) as chat:
        yield chat


async def send(courier: Make, port: int, password: str, body: str) -> Delivery:
    page = letter()
    carrier = courier(chat=f"irc://drwatch:{password}@127.0.0.1:{port}/%23night", limit=15.0)
    return await carrier.send(Letter("chat", page.event, page.title, body, page.severity))


async def test_a_page_is_read_in_the_chat_line_by_line(courier: Make, chat: Chat) -> None:
    came = await send(courier, chat.port, "Hunter2pw", "oslo-a is dead: æøå\nDO FIRST: ssh oslo-b")
    assert (came.outcome, came.detail) == (Outcome.ACCEPTED, "accepted")
    heard = [chat.hears("PRIVMSG #night").partition(" :")[2] for _ in range(3)]
    assert heard == [letter().title, "oslo-a is dead: æøå", "DO FIRST: ssh oslo-b"]


async def test_a_wrong_password_reaches_nobody_and_is_not_said(courier: Make, chat: Chat) -> None:
    came = await send(courier, chat.port, "Wr0ngpw77", "a word")
    assert came.outcome is not Outcome.ACCEPTED
    assert "Wr0ngpw77" not in came.detail


async def test_a_dead_chat_is_surely_not_delivered(courier: Make) -> None:
    came = await send(courier, free_port(), "Hunter2pw", "a word")
    assert came.outcome is Outcome.FAILED
