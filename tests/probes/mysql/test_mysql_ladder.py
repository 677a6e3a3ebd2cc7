"""The rung that fails is the diagnosis: real servers that refuse, and peers that are no servers."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import struct
from pathlib import Path

import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from watching import EVERY_SERVER, Listen, Stable, Witness, look_until, replication_fact, server_fact, until, why

from drwatch.core.sample import PROOF_OF_LIFE, LoginFact, Reason
from drwatch.lab.harm import harm, threads_of
from drwatch.lab.server import Flavour, Server, free_port


def packet(payload: bytes, number: int = 0) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def error_packet(number: int, text: str) -> bytes:
    return packet(b"\xff" + struct.pack("<H", number) + b"#08004" + text.encode())


def greeting(plugin: bytes = b"mysql_native_password", *, tls: bool = False) -> bytes:
    """Protocol 10 with the capabilities that matter here: 4.1, secure connection, plugins, and TLS or not."""
    capabilities = 0x0008_8200 | (0x0800 if tls else 0)
    return packet(
        b"\x0a5.7.99-odd\0"
        + struct.pack("<I", 7)
        + b"12345678\0"
        + struct.pack("<H", capabilities & 0xFFFF)
        + b"\x2d"
        + struct.pack("<H", 2)
        + struct.pack("<H", capabilities >> 16)
        + b"\x15"
        + b"\0" * 10
        + b"123456789012\0"
        + plugin
        + b"\0"
    )


async def test_a_closed_port_is_refused(witness: Witness) -> None:
    found = why(await witness(host="127.0.0.1", port=free_port("127.0.0.1")).server_look.look())
    assert (found.reason, found.errno) == (Reason.REFUSED, 111)


async def test_a_name_that_does_not_resolve_is_a_dns_matter(witness: Witness) -> None:
    assert why(await witness(host="no-such-host.invalid", port=3306).server_look.look()).reason is Reason.DNS


async def test_a_host_that_answers_no_connection_attempt_is_a_connect_timeout(witness: Witness) -> None:
    """A listener whose queue is full drops the SYN, as a host that is gone does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        look = witness(host="127.0.0.1", port=listener.getsockname()[1], deadline=0.3).server_look
        assert why(await look.look()).reason is Reason.CONNECT_TIMEOUT
        for one in waiting:
            one.close()


async def test_the_address_that_answers_is_used_where_a_name_has_several(stable: Stable, witness: Witness) -> None:
    """localhost is ::1 and 127.0.0.1 on most machines; the servers of the lab listen on the latter."""
    server_fact(await witness(stable.server(Flavour.MARIADB), host="localhost").server_look.look())


async def test_a_peer_that_accepts_and_is_silent_has_no_handshake_and_is_never_given_up(
    witness: Witness, peer: Listen
) -> None:
    accepted = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        await reader.read()

    look = witness(host="127.0.0.1", port=await peer(silent), deadline=0.2).server_look
    samples = [await look.look() for _ in range(4)]
    assert {why(sample).reason for sample in samples} == {Reason.NO_HANDSHAKE}
    assert len(accepted) == 1
    assert samples[-1].asked.loop > samples[0].answered.loop - 0.01, "each look saw the silence anew"
    assert samples[0].notes == ()
    assert "waiting for" in samples[-1].notes[0]


async def test_a_pending_dial_that_the_peer_resets_is_known_at_once_and_dialled_anew(
    witness: Witness, peer: Listen
) -> None:
    let_go = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_go.wait()

    look = witness(host="127.0.0.1", port=await peer(silent), deadline=0.2).server_look
    assert why(await look.look()).reason is Reason.NO_HANDSHAKE
    look.wake.clear()
    let_go.set()
    await asyncio.wait_for(look.wake.wait(), 2)
    let_go.clear()
    await look_until(look, lambda sample: why(sample).reason is Reason.NO_HANDSHAKE, 5)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="a web server"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="an SSH server"),
        pytest.param(packet(b"\x09old protocol\0"), id="a protocol of the last century"),
        pytest.param(packet(b""), id="an empty packet"),
        pytest.param(packet(b"\x0anot-a-number\0" + bytes(40)), id="a version that is no number"),
        pytest.param(b"\xff\xff\xff\x00" + bytes(100), id="a packet of sixteen megabytes"),
        pytest.param(bytes(range(256)) * 8, id="noise"),
    ],
)
async def test_a_stranger_on_the_port_is_garbled(witness: Witness, peer: Listen, says: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await reader.read()

    look = witness(host="127.0.0.1", port=await peer(talk), deadline=0.5).server_look
    assert why(await look.look()).reason is Reason.GARBLED


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1040, Reason.TOO_MANY_CONNECTIONS),
        (1129, Reason.HOST_BLOCKED),
        (1130, Reason.HOST_NOT_ALLOWED),
        (1203, Reason.USER_LIMIT),
        (1053, Reason.HUNG_UP),
        (1105, Reason.SERVER_ERROR),
    ],
)
async def test_an_error_packet_in_place_of_the_greeting_is_read(
    witness: Witness, peer: Listen, number: int, reason: Reason
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(error_packet(number, "so it is"))
        await writer.drain()

    found = why(await witness(host="127.0.0.1", port=await peer(talk)).server_look.look())
    assert (found.reason, found.errno, found.detail) == (reason, number, "so it is")
    assert (reason in PROOF_OF_LIFE) is (reason is not Reason.HUNG_UP)


@pytest.mark.parametrize(
    "says", [pytest.param(b"", id="before the greeting"), pytest.param(greeting(), id="after the greeting")]
)
async def test_a_peer_that_hangs_up_during_the_login_hung_up(witness: Witness, peer: Listen, says: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await writer.drain()
        writer.write_eof()
        await reader.read(1)

    found = why(await witness(host="127.0.0.1", port=await peer(talk)).server_look.look())
    assert found.reason is Reason.HUNG_UP


async def test_a_server_that_greets_and_never_answers_the_login_is_a_timeout(witness: Witness, peer: Listen) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting())
        await reader.read()

    look = witness(host="127.0.0.1", port=await peer(talk), deadline=0.2).server_look
    assert why(await look.look()).reason is Reason.QUERY_TIMEOUT


@pytest.mark.parametrize("switch", [False, True], ids=["in its greeting", "by a switch"])
async def test_a_peer_that_asks_for_the_password_in_clear_text_does_not_get_it(
    witness: Witness, peer: Listen, switch: bool
) -> None:
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting() if switch else greeting(b"mysql_clear_password"))
        heard.extend(await reader.read(4096))
        writer.write(packet(b"\xfemysql_clear_password\0", 2))
        heard.extend(await reader.read(4096))

    secret = "do-not-tell"
    found = why(await witness(host="127.0.0.1", port=await peer(talk), password=secret).server_look.look())
    assert found.reason is Reason.ACCESS_DENIED
    assert "clear text" in found.detail
    assert heard
    assert secret.encode() not in heard


@EVERY_SERVER
async def test_a_wrong_password_is_access_denied_and_not_tried_without_end(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    look = witness(stable.server(flavour), password="wrong").server_look
    found = why(await look.look())
    assert (found.reason, found.errno) == (Reason.ACCESS_DENIED, 1045)
    assert "wrong" not in found.detail
    again = await look.look()
    assert why(again) == found
    assert "not dialled again" in again.notes[0]


@EVERY_SERVER
@pytest.mark.parametrize("password", ["", "plain", 'it\'s "quoted" \\ back', " leading and trailing ", "æøå ł 密码 🔑"])
async def test_a_password_of_any_letters_logs_in(
    stable: Stable, witness: Witness, flavour: Flavour, password: str
) -> None:
    server = stable.server(flavour)
    server.sql("DROP USER IF EXISTS typist@'127.0.0.%%'".replace("%%", "%"))
    server.sql("CREATE USER typist@'127.0.0.%%' IDENTIFIED BY %s", password)
    server_fact(await witness(server, user="typist", password=password).server_look.look())


@EVERY_SERVER
async def test_a_server_that_knows_no_account_for_our_address_does_not_allow_the_host(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.start(flavour, accounts=False)
    found = why(await witness(server).server_look.look())
    assert (found.reason, found.errno) == (Reason.HOST_NOT_ALLOWED, 1130)
    server.kill()


@EVERY_SERVER
async def test_a_user_at_its_limit_is_told_from_one_that_is_denied(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.start(flavour)
    server.sql("CREATE USER two@'127.0.0.%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 2")
    server.sql(f"GRANT {'SLAVE MONITOR' if flavour.is_mariadb else 'REPLICATION CLIENT'} ON *.* TO two@'127.0.0.%'")
    watching = witness(server, user="two", password="x")
    server_fact(await watching.server_look.look())
    replication_fact(await watching.replication_look.look())
    found = why(await watching.login_look.look())
    assert (found.reason, found.errno) == (Reason.USER_LIMIT, 1226)
    server.kill()


def crowd(server: Server, free: int) -> list[object]:
    """Take all connections but so many."""
    taken = int(server.sql("SHOW GLOBAL STATUS LIKE 'Threads_connected'")[0]["Value"])
    server.sql(f"SET GLOBAL max_connections = {taken - 1 + 10}")
    return [server.connect(*("app", "app")) for _ in range(10 - free)]


@EVERY_SERVER
async def test_a_server_without_a_free_connection_is_alive_in_both_shapes_of_that_answer(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    """While the administrator's reserved connection is free the server greets and refuses after the login; once that
    is taken too, the error comes in place of the greeting. The held connection answers in both.
    """
    server = stable.start(flavour)
    watching, latecomer = witness(server), witness(server)
    server_fact(await watching.server_look.look())
    everyone = crowd(server, free=0)
    found = why(await latecomer.server_look.look())
    assert (found.reason, found.errno) == (Reason.TOO_MANY_CONNECTIONS, 1040)
    saturated = server_fact(await watching.server_look.look())
    assert saturated.connections >= saturated.max_connections
    # MariaDB does not count this shape in Connection_errors_max_connections.
    assert bool(saturated.connections_refused) is not flavour.is_mariadb

    def takes_the_reserved_one() -> bool:
        try:
            everyone.append(server.connect())
        except pymysql.err.OperationalError:  # the latecomer's refused login may still be on its way out
            return False
        return True

    await until(takes_the_reserved_one, 5, "the administrator's connection")
    last = why(await witness(server).server_look.look())
    assert (last.reason, last.errno) == (Reason.TOO_MANY_CONNECTIONS, 1040)
    assert server_fact(await watching.server_look.look()).connections_refused
    assert why(await watching.login_look.look()).reason is Reason.TOO_MANY_CONNECTIONS

    for one in everyone:
        one.close()  # type: ignore[attr-defined]

    def they_are_gone() -> bool:
        try:
            return not threads_of(server, "app")
        except pymysql.err.OperationalError:  # the server has not let go of the last of them yet
            return False

    await until(they_are_gone, 5, "the crowd gone")
    await look_until(watching.login_look, lambda sample: isinstance(sample.found, LoginFact), 10)
    server.kill()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate that signs itself, for 127.0.0.1; PEM files key.pem and cert.pem."""
    home = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "drwatch lab")])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (home / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    (home / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return home


@EVERY_SERVER
async def test_tls_demanded_from_a_server_without_it_is_refused_and_never_plaintext(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.server(flavour)
    look = witness(server, tls=ssl.create_default_context()).server_look
    found = why(await look.look())
    assert found.reason is Reason.TLS_REFUSED
    assert threads_of(server, "drwatch") == []


async def test_a_server_without_tls_is_left_with_a_refused_login_that_has_no_password(
    witness: Witness, peer: Listen
) -> None:
    """A dial given up after the greeting counts against our address until the server blocks it; a refusal does not."""
    heard = bytearray()
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting())
        heard.extend(await reader.read(4096))
        writer.write(packet(b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied", 2))
        assert await reader.read() == b""
        ended.set()

    watching = witness(host="127.0.0.1", port=await peer(talk), tls=ssl.create_default_context())
    assert why(await watching.server_look.look()).reason is Reason.TLS_REFUSED
    await asyncio.wait_for(ended.wait(), 2)
    assert heard[4 + 32 :].startswith(b"drwatch\0\0"), "the user's name, and an answer of length zero"


async def test_a_certificate_is_verified(stable: Stable, witness: Witness, certificate: Path) -> None:
    server = stable.start(
        Flavour.MARIADB, f"--ssl-cert={certificate / 'cert.pem'}", f"--ssl-key={certificate / 'key.pem'}"
    )
    server.sql("ALTER USER drwatch@'127.0.0.%' REQUIRE SSL")
    trusting = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    watching = witness(server, tls=trusting)
    server_fact(await watching.server_look.look())
    replication_fact(await watching.replication_look.look())
    assert isinstance((await watching.login_look.look()).found, LoginFact)

    found = why(await witness(server, tls=ssl.create_default_context()).server_look.look())
    assert found.reason is Reason.TLS_REFUSED
    assert "certificate" in found.detail

    plain = why(await witness(server).server_look.look())
    assert (plain.reason, plain.errno) == (Reason.ACCESS_DENIED, 1045)

    before = harm(server).hang_ups
    await watching.close()
    await until(lambda: threads_of(server, "drwatch") == [], 2, "no thread left")
    assert harm(server).hang_ups == before

    hung = witness(server, tls=trusting)
    server_fact(await hung.server_look.look())
    hung.server_look.wake.clear()
    server.kill()
    await asyncio.wait_for(hung.server_look.wake.wait(), 2)
    assert why(await hung.server_look.look()).reason is Reason.REFUSED
