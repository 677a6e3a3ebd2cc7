"""A real SMTP server, aiosmtpd, with STARTTLS or TLS and a login: what Apprise makes of mailto:// and mailtos://."""

import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from authority import Authority
from engines import letter
from receivers import free_port

from drwatch.core.paging import Letter, Outcome
from drwatch.paging.apprise import Courier

# aiosmtpd takes a connection that was TLS from its first byte for one without.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

Make = Callable[..., Courier]


class Mailbox:
    """Takes every mail of who has logged in."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 queued"


def log_in(server: object, session: object, envelope: object, mechanism: str, given: LoginPassword) -> AuthResult:
    known = isinstance(given, LoginPassword) and (given.login, given.password) == (b"drwatch", b"Hunter2pw")
    return AuthResult(success=known, handled=False)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    authority = Authority(tmp_path, "localhost")
    # How a company's own authority is made known to OpenSSL.
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    return authority


@pytest.fixture(params=["starttls", "ssl"])
def mail(request: pytest.FixtureRequest, authority: Authority) -> Iterator[tuple[Mailbox, str]]:
    """The mailbox, and the URL that leads to it with PASSWORD for the password."""
    mailbox, port = Mailbox(), free_port()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.certificate)
    login = {"authenticator": log_in, "auth_required": True}
    secure = (
        {"ssl_context": context, "auth_require_tls": False}
        if request.param == "ssl"
        else {"tls_context": context, "require_starttls": True}
    )
    server = Controller(mailbox, "127.0.0.1", port, **login, **secure)
    server.start()
    query = f"smtp=localhost&mode={request.param}&from=drwatch@example.no&to=night@example.no"
    yield mailbox, f"mailtos://drwatch:PASSWORD@localhost:{port}?{query}"
    server.stop()


async def test_a_page_arrives_by_mail_with_its_words(courier: Make, mail: tuple[Mailbox, str]) -> None:
    mailbox, url = mail
    page = letter()
    body = "oslo-a is dead: æøå\nDO FIRST:\n   ssh oslo-b"
    came = await courier(mail=url.replace("PASSWORD", "Hunter2pw"), limit=15.0).send(
        Letter("mail", page.event, page.title, body, page.severity)
    )
    assert (came.outcome, came.detail) == (Outcome.ACCEPTED, "accepted")
    (mail_,) = mailbox.mails
    assert (mail_["Subject"], mail_["To"]) == (page.title, "night@example.no")
    assert "drwatch@example.no" in mail_["From"]
    text = mail_.get_body(("plain", "html"))
    assert text is not None
    assert [line.strip() for line in body.splitlines()] == [line.strip() for line in text.get_content().splitlines()][
        :3
    ]


async def test_a_wrong_password_is_refused_for_good_and_not_said(courier: Make, mail: tuple[Mailbox, str]) -> None:
    mailbox, url = mail
    came = await courier(mail=url.replace("PASSWORD", "Wr0ngpw77"), limit=15.0).send(
        Letter("mail", "ABCDEF.1", "t", "b", letter().severity)
    )
    assert (came.outcome, came.detail) == (Outcome.REFUSED, "the mail server answered 535")
    assert mailbox.mails == []


async def test_a_mail_server_that_nobody_vouches_for_is_told_nothing(
    courier: Make, mail: tuple[Mailbox, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox, url = mail
    monkeypatch.delenv("SSL_CERT_FILE")
    came = await courier(mail=url.replace("PASSWORD", "Hunter2pw"), limit=15.0).send(
        Letter("mail", "ABCDEF.1", "t", "b", letter().severity)
    )
    assert (came.outcome, came.detail) == (Outcome.FAILED, "TLS: the certificate does not verify")
    assert mailbox.mails == []
