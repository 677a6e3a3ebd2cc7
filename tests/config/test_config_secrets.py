"""Secrets: whence they come, and what is refused."""

import ssl
from pathlib import Path

import pytest

from drwatch.config import ConfigErrors, TlsMode, load

WANTS_PW = "password_file: /etc/drwatch/mysql.pw"


def test_a_password_is_the_file_s_line_with_all_its_blanks_and_letters(machine) -> None:
    machine.write("/etc/drwatch/mysql.pw", " pass'w\"ørd \n")
    assert machine.load().nodes[0].mysql.password.reveal() == " pass'w\"ørd "


def test_a_password_comes_from_the_environment(machine, pair) -> None:
    machine.env["DB_PW"] = "from the environment"
    config = machine.load(pair.replace(WANTS_PW, 'password: "${DB_PW}"'))
    assert config.nodes[1].mysql.password.reveal() == "from the environment"


def test_a_password_comes_from_a_systemd_credential(machine, pair) -> None:
    machine.write("/run/credentials/db.pw", "from systemd\n", mode=0o440)
    machine.env["CREDENTIALS_DIRECTORY"] = str(machine.root / "run/credentials")
    config = machine.load(pair.replace(WANTS_PW, "credential: db.pw"))
    assert config.nodes[0].mysql.password.reveal() == "from systemd"


def test_a_url_may_have_only_its_token_in_the_environment(machine, pair) -> None:
    machine.env["TOKEN"] = "abc"
    config = machine.load(pair.replace("${SMS_URL}", "sms://${TOKEN}@host"))
    assert config.channels["sms"].reveal() == "sms://abc@host"


def test_a_relative_path_is_taken_from_the_configuration_s_directory(machine, pair) -> None:
    assert machine.load(pair.replace("/etc/drwatch/mysql.pw", "mysql.pw")) == machine.load(pair)


@pytest.mark.parametrize(
    ("path", "content", "mode", "line"),
    [
        ("mysql.pw", "x", 0o644, "expected a file that other users have no access to"),
        ("mysql.pw", "x", 0o642, "expected a file that other users have no access to"),
        ("mysql.pw", "", 0o600, "expected the file to hold the secret, and it is empty"),
        ("mysql.pw", "\n", 0o600, "expected the file to hold the secret, and it is empty"),
        ("mysql.pw", "one\ntwo\n", 0o600, "expected the file to hold the secret on one line and nothing else"),
        ("mysql.pw", b"\xff\xfe", 0o600, "expected a file of UTF-8 text"),
        ("mysql.pw", b"x" * (2 << 20), 0o600, "expected a file of at most 1 MB"),
        ("id_ed25519", "x", 0o604, "expected a file that other users have no access to"),
        ("known_hosts", "x", 0o666, "expected a file that other users cannot write"),
        ("phone.url", "no url at all", 0o600, "expected an Apprise URL"),
    ],
)
def test_a_secret_file_that_is_open_or_holds_no_secret_is_refused(machine, pair, path, content, mode, line) -> None:
    machine.write(f"/etc/drwatch/{path}", content, mode)
    errors = machine.errors(pair)
    assert errors
    assert all(f": {line}. " in error for error in errors)


def test_a_group_may_read_a_secret(machine) -> None:
    """root owns the file and drwatch's group reads it: that is how a package would lay it out."""
    machine.write("/etc/drwatch/mysql.pw", "x", mode=0o640)
    machine.load()


def test_a_missing_secret_file_says_how_to_make_it(machine, pair) -> None:
    (machine.root / "etc/drwatch/phone.url").unlink()
    assert machine.errors(pair) == [
        "16: paging.channels.phone.url_file: expected a readable file, and opening it says: no such file or directory."
        " Create it with mode 0640, readable by the user that runs drwatch, holding the secret on one line."
    ]


def test_a_missing_ssh_key_is_told_where_ssh_is_asked_for(machine, pair) -> None:
    (machine.root / "etc/drwatch/id_ed25519").unlink()
    assert [error.split(": expected")[0] for error in machine.errors(pair)] == [
        "7: clusters.shop.nodes.oslo-a.ssh.key_file",
        "11: clusters.shop.nodes.oslo-b.ssh.key_file",
    ]


def test_a_pipe_or_a_directory_in_a_secret_s_place_holds_nobody_up(machine, pair) -> None:
    import os

    machine.write("/etc/drwatch/phone.url", "x").unlink()
    os.mkfifo(machine.root / "etc/drwatch/phone.url", 0o600)
    (machine.root / "etc/drwatch/mysql.pw").unlink()
    (machine.root / "etc/drwatch/mysql.pw").mkdir(mode=0o700)
    assert all(": expected a regular file. " in error for error in machine.errors(pair))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "password: hunter2",
            "6: clusters.shop.nodes.oslo-a.mysql.password: expected ${NAME}: a password does not belong into this file."
            " Put it into a file and use password_file.",
        ),
        (
            'password: "${NOT_SET}"',
            "6: clusters.shop.nodes.oslo-a.mysql.password: expected the environment variable NOT_SET to be set."
            " Set it in the unit's EnvironmentFile, or use a file.",
        ),
        (
            'password: "${hunter2}"',  # perhaps no name at all, but what belongs behind it
            "6: clusters.shop.nodes.oslo-a.mysql.password: expected the environment variable to be set."
            " Set it in the unit's EnvironmentFile, or use a file.",
        ),
        (
            "credential: db.pw",
            "6: clusters.shop.nodes.oslo-a.mysql.credential: expected systemd to pass the credential, and"
            " CREDENTIALS_DIRECTORY is not set. Add LoadCredential=NAME:/path to the unit and start drwatch through"
            " systemd.",
        ),
        (
            "credential: ../../etc/shadow",
            "6: clusters.shop.nodes.oslo-a.mysql.credential: expected the name of a systemd credential."
            " Use the name that stands after LoadCredential=.",
        ),
        (
            "user: drwatch",
            "6: clusters.shop.nodes.oslo-a.mysql: expected exactly one of password_file, credential, password."
            " Add password_file.",
        ),
    ],
)
def test_a_password_from_a_wrong_place_is_refused(machine, pair, source, line) -> None:
    assert machine.errors(pair.replace(WANTS_PW, source, 1)) == [line]


def test_two_sources_of_one_secret_are_refused(machine, pair) -> None:
    machine.env["PW"] = "x"
    assert machine.errors(pair.replace(WANTS_PW, WANTS_PW + ', password: "${PW}"', 1)) == [
        "6: clusters.shop.nodes.oslo-a.mysql.password: expected exactly one of password_file, credential, password."
        " Remove all but one."
    ]


def test_a_literal_url_is_taken_only_from_a_file_that_others_cannot_read(machine, pair) -> None:
    text = pair.replace("${SMS_URL}", "sms://literal")
    assert machine.load(text).channels["sms"].reveal() == "sms://literal"
    file = machine.write("/etc/drwatch/drwatch.yaml", text, mode=0o644)
    with pytest.raises(ConfigErrors, match=r"17: paging.channels.sms.url: expected \$\{NAME\}, since other users"):
        load(file, machine.env, root=machine.root)


def test_commands_that_help_to_create_the_files_need_none_of_them(tmp_path: Path, pair) -> None:
    file = tmp_path / "drwatch.yaml"
    file.write_text(pair)
    config = load(file, {}, root=tmp_path, look=False)
    assert config.nodes[0].mysql.password.reveal() == ""
    assert [node.ssh is not None for node in config.nodes] == [True, True]


@pytest.mark.parametrize(
    ("mode", "verifies", "checks_name"),
    [
        ("required", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-identity", ssl.CERT_REQUIRED, True),
    ],
)
def test_tls_is_what_mysql_means_by_the_word(machine, pair, mode, verifies, checks_name) -> None:
    tls = machine.load(pair.replace("host: 10.0.0.1", f"host: 10.0.0.1, tls: {{mode: {mode}}}")).nodes[0].mysql.tls
    context = tls.context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (verifies, checks_name)


def test_tls_off_is_plaintext(machine) -> None:
    tls = machine.load().nodes[0].mysql.tls
    assert tls.mode is TlsMode.OFF
    assert tls.context() is None


def test_what_proves_drwatch_to_an_alertmanager_comes_from_a_file_and_is_not_shown(machine, pair) -> None:
    machine.write("/etc/drwatch/am.secret", "Hunter2pw\n")
    basic = pair.replace(
        "{url_file: /etc/drwatch/phone.url}",
        "{alertmanager: [http://am1:9093, https://am2/prefix], user: drwatch, password_file: /etc/drwatch/am.secret}",
    )
    config = machine.load(basic)
    peers = config.alertmanagers["phone"]
    assert peers.addresses == ("http://am1:9093", "https://am2/prefix")
    assert peers.headers() == {"Authorization": "Basic ZHJ3YXRjaDpIdW50ZXIycHc="}
    assert "phone" not in config.channels
    assert "phone" in config.policy.paging.channels
    assert "Hunter2pw" not in repr(config)
    bearer = basic.replace("user: drwatch, password_file", "token_file")
    assert machine.load(bearer).alertmanagers["phone"].headers() == {"Authorization": "Bearer Hunter2pw"}
