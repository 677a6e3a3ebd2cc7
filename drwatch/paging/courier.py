"""The courier: a process of its own that carries pages through Apprise, one forked child per attempt.

Run as ``python -m drwatch.paging.courier``, spoken to in JSON lines:

=====================================================================  =============================================
asked on stdin                                                         answered on stdout
=====================================================================  =============================================
``{"channels": {name: url}, "limit": 15.0}``, once, first              ``{"ready": {name: null or what is wrong}}``
``{"check": {name: url}}``                                             ``{"checked": {name: null or what is wrong}}``
``{"id": 7, "channel", "title", "body", "kind", "incident"}``          ``{"id": 7, "outcome", "detail", "seconds"}``
=====================================================================  =============================================

``kind`` is info, success, warning or failure; ``outcome`` is accepted, refused, failed or ambiguous, as in
``drwatch.core.paging.Outcome``. Answers come in any order. The end of stdin kills every attempt and ends the process,
as does the death of the one who started it. Nothing of a channel's URL is ever in an answer.

It forks, so it stays single-threaded and small: standard library and Apprise, nothing of the rest of drwatch.
"""

from __future__ import annotations

import base64
import ctypes
import gc
import importlib
import json
import logging
import os
import re
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import apprise
from apprise.utils.parse import parse_urls

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
FAILED: Final = "failed"
AMBIGUOUS: Final = "ambiguous"

KINDS: Final = {
    "info": apprise.NotifyType.INFO,
    "success": apprise.NotifyType.SUCCESS,
    "warning": apprise.NotifyType.WARNING,
    "failure": apprise.NotifyType.FAILURE,
}

FOR_GOOD: Final = frozenset({400, 401, 403, 404})
"""What no second attempt will mend: the token, the topic or the address is wrong."""

MAYBE_DELIVERED: Final = frozenset({504, 524})
"""A gateway that lost patience with a server that had the message already."""

LOAD_LIMIT: Final = 20.0
"""Seconds that a look at the channels' URLs may take, all of Apprise's services loaded."""

PR_SET_PDEATHSIG: Final = 1


class NothingMoreLeaves(ConnectionError):
    """Raised inside a library that would begin to send after the attempt was given up."""


class Redactor:
    """Strikes out whatever of the channels' URLs turns up in a text.

    Everything after the scheme counts as secret: in half of Apprise's URLs the host is the token, and an ntfy topic
    is a password.
    """

    def __init__(self, urls: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._words: set[str] = set()
        for url in urls:
            rest = url.split("://", 1)[-1]
            for part in {*re.split(r"[/?&=@:#;,+]", rest), *re.split(r"[/?&=@]", rest), rest}:
                plain = unquote_plus(part)
                forms = {part, unquote(part), plain, quote(plain), quote(plain, safe=""), quote_plus(plain)}
                forms.add(base64.b64encode(plain.encode()).decode())
                self._whole |= {form.casefold() for form in forms if len(form) >= 4}
                self._words |= {word.casefold() for word in re.findall(r"\w+", plain) if len(word) >= 3}
                digits = re.sub(r"\D", "", plain)
                if len(digits) >= 6:
                    self._words.add(digits)
        self._long_first = sorted(self._whole, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._long_first:
            # One at a time: a pattern of all of them at once would let a short one hide a longer one.
            text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
        return re.sub(r"\w+", self._word, text)

    def _word(self, found: re.Match[str]) -> str:
        word = found.group().casefold()
        secret = (
            word in self._words
            or any(len(known) >= 5 and known in word for known in self._words)
            or (len(word) >= 5 and any(word in known for known in self._words))
        )
        return "…" if secret else found.group()


class Wire:
    """An audit hook (PEP 578) that knows whether a message can have left this process.

    ``sent`` turns true with the first bytes of an HTTP request, of an SMTP message or of a datagram. After
    ``close()`` nothing is sent any more: whoever tries gets an error. So "surely not delivered" is known, not guessed
    from a library's words.
    """

    _SENDS = frozenset({"socket.sendto", "socket.sendmsg", "subprocess.Popen", "os.posix_spawn"})

    def __init__(self) -> None:
        self.sent = False
        self.smtp = False
        self.dialled = False
        self._closed = False

    def watch(self) -> None:
        sys.addaudithook(self)

    def close(self) -> None:
        self._closed = True

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if event == "socket.connect":
            self.dialled = True
        elif event == "smtplib.connect":
            self.smtp = True
        elif event in self._SENDS or (event in _BEGINS and _BEGINS[event](args)):
            self.sent = True
            # This order leaves no gap: who reads sent as false after close() knows that this line will raise.
            if self._closed:
                raise NothingMoreLeaves


def _said(args: tuple[object, ...]) -> str:
    """The second argument of a send event: what is said, as text or as bytes; empty when it is a stream."""
    said = args[1] if len(args) > 1 else ""
    return bytes(said[:16]).decode("ascii", "replace") if isinstance(said, (bytes, bytearray)) else str(said)[:16]


_BEGINS: Final[Mapping[str, Callable[[tuple[object, ...]], bool]]] = {
    # What a proxy is asked first is not yet the message.
    "http.client.send": lambda args: not _said(args).startswith("CONNECT "),
    # Before DATA an SMTP client says only the envelope.
    "smtplib.send": lambda args: _said(args).strip().casefold() == "data",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an attempt: one of the four outcomes, and one sentence without secrets."""

    outcome: str
    detail: str


def judge(accepted: bool, given_up: bool, said: Sequence[Line], wire: Wire, redact: Callable[[str], str]) -> Verdict:
    """The verdict on an attempt from Apprise's answer, the lines that were logged meanwhile, and the wire.

    ``given_up`` says that Apprise ran out of time. ``said`` may hold secrets; the verdict never does.
    """
    if accepted:
        return Verdict(ACCEPTED, "accepted")
    text = "\n".join(line.text for line in said)
    warnings = [line.text for line in said if line.level >= logging.WARNING]
    words = redact(warnings[-1])[:160].rstrip(".") if warnings else "the service gave no reason"
    if (status := _last(r"error=(\d{3})\b", text)) is not None:
        return _by_status(status, words)
    if (code := _last(r"\((\d{3}), b?['\"]", text)) is not None and wire.smtp:
        # An SMTP answer is final either way: 5yz for good, 4yz for now.
        return Verdict(REFUSED if code >= 500 else FAILED, f"the mail server answered {code}")
    why = _why(text) or ("no answer in time" if given_up else words)
    if wire.sent:
        return Verdict(AMBIGUOUS, f"{why}, after the message had left: it may have arrived")
    # A service that speaks neither HTTP nor SMTP sends unseen once it is connected.
    unseen = wire.dialled and not wire.smtp and "ConnectionPool(" not in text and why not in _NEVER_CONNECTED
    return Verdict(AMBIGUOUS, f"{why}: it may have arrived") if unseen else Verdict(FAILED, why)


def _last(pattern: str, text: str) -> int | None:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else None


def _by_status(status: int, words: str) -> Verdict:
    try:
        phrase = f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = f"HTTP {status}"
    if status in FOR_GOOD:
        return Verdict(REFUSED, f"{phrase}: the service refuses this channel")
    if status < 300:
        return Verdict(FAILED, f"{phrase}, and yet: {words}")
    if status < 400:
        return Verdict(FAILED, f"{phrase}: a redirect, never followed: a login portal, or an address that has moved")
    if status in MAYBE_DELIVERED:
        return Verdict(AMBIGUOUS, f"{phrase}: it may have arrived")
    return Verdict(FAILED, phrase)


_WHYS: Final = (
    (r"ProxyError|Unable to connect to proxy", "the proxy did not connect"),
    (r"NameResolutionError|Name or service not known|Temporary failure in name resolution|gaierror", "no such host"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|doesn't match", "TLS: the certificate does not verify"),
    (r"SSLError|SSL:|\[SSL", "TLS: the handshake failed"),
    (r"Errno 111|Connection refused", "connection refused"),
    (r"Errno 113|No route to host|Errno 101|Network is unreachable", "no route to the host"),
    (r"ConnectTimeout|connect timeout", "the connection timed out"),
)

_NEVER_CONNECTED: Final = frozenset(why for _, why in _WHYS)

_IN_DOUBT: Final = (
    (r"timed out|ReadTimeout", "no answer in time"),
    (r"Connection aborted|ConnectionReset|RemoteDisconnected|Errno 104|IncompleteRead", "the connection broke"),
)


def _why(text: str) -> str | None:
    return next((why for pattern, why in (*_WHYS, *_IN_DOUBT) if re.search(pattern, text, re.IGNORECASE)), None)


class Line(NamedTuple):
    """A line that Apprise logged; it may hold secrets and never leaves this process."""

    level: int
    text: str


class _Listener(logging.Handler):
    """Keeps what is logged, for the judge."""

    def __init__(self, keep: int = 400) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[Line] = []
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < self._keep:
            self.lines.append(Line(record.levelno, record.getMessage()[:4000]))


@contextmanager
def _listening(level: int) -> Iterator[list[Line]]:
    logger = logging.getLogger("apprise")
    listener = _Listener()
    logger.addHandler(listener)
    before = logger.level
    logger.setLevel(level)
    try:
        yield listener.lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(listener)


def _manager() -> Any:
    """Apprise's one register of services; its calls carry no types."""
    return cast(Any, apprise.NotificationManager)()


class Trouble(Exception):
    """A channel's URL is no good; the text says why in one sentence, secrets struck out."""


def open_channel(url: str, limit: float) -> apprise.NotifyBase:
    """Apprise's service for one URL, with our own deadlines and without its retries.

    Raises Trouble with one sentence when the URL cannot be used.
    """
    redact = Redactor([url])
    scheme = url.split("://", 1)[0]
    if "://" not in url:
        raise Trouble("no Apprise URL: it has no scheme such as ntfys:// or mailtos://")
    if len(cast(Any, parse_urls)(url)) > 1:
        raise Trouble("more than one URL: give each its own channel, so that each page has one answer")
    asset = apprise.AppriseAsset(
        app_id="drwatch",
        app_desc="the witness of a database pair",
        http_redirects=False,
        secure_logging=True,
        service_timeout=limit * 0.9,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    with _listening(logging.WARNING) as said:
        try:
            service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=False)
        except Exception as error:  # noqa: BLE001 (a plugin may raise anything over a URL; the answer is the same)
            raise Trouble(redact(f"{error}".strip().rstrip(".") or type(error).__name__)) from None
    if service is None:
        if scheme.lower() not in _manager():
            raise Trouble(f"Apprise knows no service {redact(scheme) if len(scheme) > 20 else scheme}://")
        raise Trouble(redact(said[-1].text.rstrip(".")) if said else "Apprise cannot use this URL")
    service.retry = 0
    if service.overflow_mode is apprise.OverflowMode.UPSTREAM:
        # A message over the service's limit would be refused for good; its first lines are what matters.
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
    service.redirects = False
    service.socket_connect_timeout = limit / 3
    service.socket_read_timeout = limit * 0.6
    targets = max(len(service), _count(getattr(service, "targets", ())), _count(getattr(service, "topics", ())))
    if targets > 1:
        raise Trouble(f"{targets} targets in one URL: give each its own channel, so that each page has one answer")
    return service


def _count(targets: object) -> int:
    return len(targets) if isinstance(targets, (list, tuple, set, dict)) else 0


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
    manager = _manager()
    with tempfile.TemporaryDirectory(prefix="drwatch-") as empty:
        manager.load_modules(path=empty, name="drwatch")
    for module, name in sorted(set(classes)):
        manager.add(getattr(importlib.import_module(module), name))


def load_all() -> None:
    manager = _manager()
    manager.unload_modules()
    manager.load_modules()


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


def tell(service: Any, ask: Mapping[str, Any], redact: Callable[[str], str]) -> Verdict:
    """Send one page through one service, in this process; blocks at most until the service's own time-out."""
    if ask.get("incident") and getattr(service, "dedup", ...) is None:
        # PagerDuty: copies of a page, and its end, belong to one incident there.
        service.dedup = ask["incident"]
    carrier = apprise.Apprise(asset=service.asset)
    carrier.add(service)
    wire = Wire()
    wire.watch()
    with _listening(logging.DEBUG) as said:
        result = carrier.notify(
            body=ask["body"],
            title=ask["title"],
            notify_type=KINDS[ask["kind"]],
            body_format=apprise.NotifyFormat.TEXT,
        )
        wire.close()
        given_up = result.status is apprise.AppriseResultStatus.TIMEOUT
        return judge(bool(result), given_up, tuple(said), wire, redact)


@dataclass(slots=True)
class Child:
    """A forked process that says one JSON value through a pipe and is gone."""

    pid: int
    pipe: int
    said: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls, work: Callable[[], object], close: Iterable[int] = ()) -> Child:
        """Fork and let the child do ``work``; ``close`` are the parent's descriptors that are none of its business.

        Raises OSError when there can be no process.
        """
        mine, its = os.pipe()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(mine)
            os.close(its)
            raise
        if pid:
            os.close(its)
            return cls(pid, mine)
        try:
            gc.disable()
            die_with_parent(parent)
            for descriptor in (mine, *close):
                os.close(descriptor)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nowhere, standard)
            os.setpgid(0, 0)
            answer = json.dumps(work()).encode()
            while answer:
                answer = answer[os.write(its, answer) :]
        finally:
            # No clean-up of the parent's affairs, and no waiting for a library's stuck threads.
            os._exit(0)

    def read(self) -> bool:
        """Take what is there to read; False at the end."""
        part = os.read(self.pipe, 65536)
        self.said += part
        return bool(part)

    def wait(self, seconds: float) -> object:
        """Its answer; None when it gave none in time."""
        poller = select.poll()
        poller.register(self.pipe, select.POLLIN)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if poller.poll(left * 1000) and not self.read():
                return self.answer()
        return None

    def answer(self) -> object:
        try:
            return json.loads(self.said)
        except ValueError:
            return None

    def kill(self) -> None:
        """End it, whatever it does, and whatever it may have started; returns when it is gone."""
        for end in (os.kill, os.killpg):
            with suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


@dataclass(slots=True)
class Attempt:
    id: int
    child: Child
    begun: float
    due: float


class Desk:
    """The courier's one loop: asks come in, attempts are forked, watched and ended, answers go out."""

    def __init__(self, inbox: int, outbox: int) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._limit = 15.0
        self._services: dict[str, apprise.NotifyBase] = {}
        self._wrong: dict[str, str | None] = {}
        self._redact: Redactor = Redactor(())
        self._attempts: dict[int, Attempt] = {}
        self._poller = select.poll()
        self._poller.register(inbox, select.POLLIN)

    def run(self) -> None:
        """Serve until stdin ends."""
        rest = b""
        try:
            while True:
                for descriptor, _ in self._poller.poll(self._patience()):
                    if descriptor != self._inbox:
                        if not self._attempts[descriptor].child.read():
                            self._settle(descriptor)
                        continue
                    part = os.read(self._inbox, 65536)
                    if not part:
                        return
                    *lines, rest = (rest + part).split(b"\n")
                    for line in lines:
                        self._asked(json.loads(line))
                self._end_overdue()
        finally:
            for attempt in self._attempts.values():
                attempt.child.kill()

    def _patience(self) -> float | None:
        """Milliseconds until an attempt is overdue; None without one."""
        if not self._attempts:
            return None
        return max(0.0, min(attempt.due for attempt in self._attempts.values()) - time.monotonic()) * 1000 + 1

    def _asked(self, ask: dict[str, Any]) -> None:
        if "channels" in ask:
            self._limit = float(ask.get("limit", self._limit))
            self._redact = Redactor(ask["channels"].values())
            self._services, self._wrong = open_channels(ask["channels"], self._limit)
            settle_memory()
            self._answer({"ready": self._wrong})
        elif "check" in ask:
            self._answer({"checked": {name: found.wrong for name, found in look(ask["check"], self._limit).items()}})
        else:
            self._send(ask)

    def _send(self, ask: dict[str, Any]) -> None:
        service = self._services.get(ask["channel"])
        if service is None:
            why = self._wrong.get(ask["channel"]) or "the courier was given no such channel"
            self._answer({"id": ask["id"], "outcome": REFUSED, "detail": why, "seconds": 0.0})
            return

        def inside() -> object:
            verdict = tell(service, ask, self._redact)
            return {"outcome": verdict.outcome, "detail": verdict.detail}

        begun = time.monotonic()
        others = [self._outbox, *(attempt.child.pipe for attempt in self._attempts.values())]
        try:
            child = Child.start(inside, close=others)
        except OSError as error:
            why = f"no process for the attempt: {error.strerror}"
            self._answer({"id": ask["id"], "outcome": FAILED, "detail": why, "seconds": 0.0})
            return
        self._attempts[child.pipe] = Attempt(ask["id"], child, begun, begun + self._limit)
        self._poller.register(child.pipe, select.POLLIN)

    def _settle(self, pipe: int, late: bool = False) -> None:
        """The end of an attempt: its child has spoken, or died, or is overdue."""
        attempt = self._attempts.pop(pipe)
        self._poller.unregister(pipe)
        attempt.child.kill()
        verdict = attempt.child.answer()
        if not isinstance(verdict, dict):
            why = f"killed after {self._limit:g} s" if late else "the attempt died"
            verdict = {"outcome": AMBIGUOUS, "detail": f"{why}: it may have arrived"}
        self._answer({"id": attempt.id, **verdict, "seconds": round(time.monotonic() - attempt.begun, 4)})

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for pipe in [pipe for pipe, attempt in self._attempts.items() if attempt.due <= now]:
            self._settle(pipe, late=True)

    def _answer(self, message: Mapping[str, object]) -> None:
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self._outbox, line) :]


def settle_memory() -> None:
    """Give back what loading used up, and keep the collector away from what the children share."""
    gc.collect()
    gc.freeze()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def main() -> None:
    """Serve on stdin and stdout until stdin ends."""
    parent = os.getppid()
    die_with_parent(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Who started it decides when it ends, by closing stdin: a ctrl-C or a stop of the whole group is not for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logger = logging.getLogger("apprise")
    logger.propagate = False
    outbox = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    with suppress(BrokenPipeError):
        Desk(0, outbox).run()


if __name__ == "__main__":
    main()
