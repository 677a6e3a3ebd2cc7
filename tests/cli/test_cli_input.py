"""What a user can get wrong with no server at hand: each time a sentence with its remedy, never a traceback."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from commands import PROGRAM, drwatch, plain_user

COMMANDS = (
    "run", "check", "check-config", "status", "incidents", "explain", "rebuilt", "drill", "silence", "ack", "page-test",
    "grants", "ssh-setup", "demo",
)  # fmt: skip
CONFIG = """\
clusters:
  shop:
    nodes:
      oslo-a:
        role: primary
        mysql: {{host: 10.0.0.1, password_file: mysql.pw}}
        ssh: {{key_file: id, known_hosts: known}}
      oslo-b:
        role: standby
        mysql: {{host: 10.0.0.2, password_file: mysql.pw}}
        ssh: {{key_file: id, known_hosts: known}}
paging:
  channels:
    phone: {{url_file: phone.url}}
state: {{directory: {home}/state, runtime: {home}/run}}
anchors: [gateway.example.no:443]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration, with its secrets beside it."""
    for name, text in (
        ("mysql.pw", "secret"),
        ("phone.url", "ntfys://example.no/topic"),
        ("id", "a key"),
        ("known", ""),
    ):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    path = tmp_path / "drwatch.yaml"
    path.write_text(CONFIG.format(home=tmp_path))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_each_command_does(command: str) -> None:
    ran = drwatch(command, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(f"usage: drwatch {command}")
    options = re.findall(r"^  (-\S.*)$", ran.out, re.MULTILINE)
    lines = ran.out.splitlines()
    for option in options:
        # What it means stands beside it, or below where there is no room.
        below = lines[lines.index(f"  {option}") + 1 :][:1]
        assert "  " in option or (below and below[0].startswith(" " * 10)), option


def test_the_program_says_its_version_and_its_commands() -> None:
    assert drwatch("--version").out.startswith("drwatch 0.")
    listed = drwatch("--help").out
    assert all(command in listed for command in COMMANDS)
    for wrong in ((), ("watch",)):
        ran = drwatch(*wrong)
        assert (ran.status, ran.out) == (2, "")
        assert "COMMAND" in ran.err


def place(kind: str, tmp_path: Path) -> Path:
    """A path that is no configuration."""
    path = tmp_path / "odd"
    match kind:
        case "a directory":
            path.mkdir()
        case "a binary":
            path.write_bytes(bytes(range(256)) * 8)
        case "a pipe":
            os.mkfifo(path)
        case "nothing in it":
            path.touch()
        case "no YAML":
            path.write_text("clusters: [}\n\t- :")
    return path


@pytest.mark.parametrize("kind", ["a directory", "a binary", "a pipe", "nothing in it", "no YAML", "missing"])
def test_an_odd_configuration_is_named(kind: str, tmp_path: Path) -> None:
    path = place(kind, tmp_path)
    ran = drwatch("check-config", path)
    assert (ran.status, ran.out) == (2, "")
    assert all(line.startswith(f"{path}:") for line in ran.err.splitlines())
    assert ran.err.strip()


@pytest.mark.parametrize("command", ["run", "status", "incidents", "page-test", "ssh-setup"])
def test_every_command_names_the_configuration_that_it_lacks(command: str, tmp_path: Path) -> None:
    ran = drwatch(command, "--config", tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.sentence.startswith(f"{tmp_path}:1: (file): expected a file")


def test_a_configuration_that_this_user_cannot_read(config: Path) -> None:
    user = plain_user()
    if user is None:
        pytest.skip("nobody may read this checkout")
    config.chmod(0)
    ran = drwatch("check-config", config, prefix=user)
    assert ran.status == 2
    assert "permission denied" in ran.sentence or "expected a file" in ran.sentence


def test_check_tells_nagios_on_stdout_why_it_could_not_look(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.yaml"
    path.write_text("clusters:\n  shop: {}\npagin: |\n  a|b\n")
    ran = drwatch("check", "--config", path)
    assert (ran.status, ran.err) == (3, "")
    (line,) = ran.out.splitlines()
    assert line.startswith("DRWATCH UNKNOWN - ")
    assert f"{path}:3: pagin" in line
    assert "|" not in line  # what follows would be read as performance data
    ran = drwatch("check", "--json", "--config", path)
    assert ran.status == 3
    assert json.loads(ran.out)["state"] == "UNKNOWN"
    ran = drwatch("check", "--warning", "5")  # 2, as other commands exit, would be CRITICAL
    assert ran.status == 3
    assert ran.out.startswith("DRWATCH UNKNOWN - ")


def test_check_config_says_that_all_is_good_and_what_should_be_known(config: Path) -> None:
    ran = drwatch("check-config", config)
    assert (ran.status, ran.err) == (0, "")
    *notices, verdict = ran.out.splitlines()
    assert verdict == f"{config} is good: oslo-a (primary), oslo-b (standby); channels phone"
    assert any("TLS" in notice for notice in notices)
    assert all(notice.startswith("note: ") for notice in notices)


def test_check_config_takes_its_file_as_every_other_command_does_too(config: Path) -> None:
    ran = drwatch("check-config", "--config", config)
    assert (ran.status, ran.out) == (0, drwatch("check-config", config).out)
    assert drwatch("check-config", config, "--config", config).status == 2


def test_check_config_shows_all_errors_at_once_a_line_each(config: Path) -> None:
    config.write_text(
        config.read_text().replace("standby", "primary").replace("anchors: [", "anchorz: [") + "zone: X\n"
    )
    ran = drwatch("check-config", config)
    assert (ran.status, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["clusters.shop.nodes.oslo-b.role", "anchorz", "zone"]
    assert [line.split(":")[1] for line in lines] == ["9", "16", "17"]


def test_check_config_says_what_apprise_and_jinja_think_of_it_where_it_stands(config: Path) -> None:
    """All of it at once; a fault in the words of all channels is told of once, and a token of a URL never."""
    (config.parent / "phone.url").write_text("carrierpigeon://topsecret/loft")
    config.write_text(
        config.read_text().replace(
            "    phone: {url_file: phone.url}\n",
            """\
    phone: {url_file: phone.url}
    sms: {url: "ntfys://host/topsecret/another", templates: {short: "{{ 9 ** 9 }}"}}
    far:
      redact: true
      url: "ntfys://host/topic"
  templates:
    title: "{{ severity"
    body: |
      {{ subject }}
""",
        )
    )
    config.chmod(0o600)
    ran = drwatch("check-config", config)
    assert (ran.status, ran.out) == (2, "")
    lines = [line.removeprefix(f"{config}:") for line in ran.err.splitlines()]
    url, wiki = "expected a URL that Apprise can use", "Write it as Apprise's wiki says, or see docs/channels.md."
    manual = "See Your own words in docs/configuration.md."
    assert lines == [
        f"14: paging.channels.phone.url_file: {url}, and of this one it says: Apprise knows no service"
        f" carrierpigeon://. {wiki}",
        "15: paging.channels.sms.templates.short: expected a template, and this one has Pow in line 1: only values, if,"
        f" for and a few filters are understood. {manual}",
        f"15: paging.channels.sms.url: {url}, and of this one it says: 2 targets in one URL: give each its own channel,"
        f" so that each page has one answer. {wiki}",
        "20: paging.templates.title: expected a template, and this one cannot be read in line 1: unexpected end of"
        f" template, expected 'end of print statement'. {manual}",
        "21: paging.templates.body: expected a template that holds without names (redact) too, and this one makes"
        f" nothing. {manual}",
    ]


def test_check_config_tries_every_template_and_sends_nothing(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace("paging:\n", "paging:\n  templates: {title: '{{ condition }} {{ rpo }}'}\n"))
    assert drwatch("check-config", config).status == 0


def test_status_without_a_daemon_says_how_to_start_it(config: Path) -> None:
    for form in ((), ("--json",)):
        ran = drwatch("status", *form, "--config", config)
        assert (ran.status, ran.out) == (3, "")
        assert "systemctl start drwatch" in ran.sentence
    assert drwatch("status", "--watch", "--config", config).status == 2  # there is no terminal
    assert drwatch("status", "--watch", "--json", "--config", config).status == 2


def test_incidents_before_the_first_run_and_with_a_ledger_that_is_none(config: Path) -> None:
    ran = drwatch("incidents", "--config", config)
    assert (ran.status, ran.out) == (3, "")
    assert "has not run with this configuration yet" in ran.sentence
    state = config.parent / "state"
    state.mkdir()
    (state / "drwatch.db").write_bytes(b"not a database, whatever its name says" * 100)
    ran = drwatch("incidents", "--config", config)
    assert (ran.status, ran.out) == (3, "")
    assert "drwatch.db" in ran.sentence


@pytest.mark.parametrize("limit", ["-5", "0", "many", "1" * 30])
def test_incidents_takes_only_a_sensible_limit(limit: str, config: Path) -> None:
    ran = drwatch("incidents", f"--limit={limit}", "--config", config)
    assert ran.status == 2
    assert "whole number" in ran.err


@pytest.mark.parametrize("duration", ["", "2", "soon", "0s", "500ms", "8d", "-1h"])
def test_a_drill_takes_only_a_sensible_duration(duration: str, config: Path) -> None:
    ran = drwatch("drill", "shop", f"--for={duration}", "--config", config)
    assert (ran.status, ran.out) == (2, "")
    bounds, form = "a drill lasts from 1s to 7d", "--for takes whole seconds: write it like 30m, 1h30m or 2d"
    assert ran.sentence == (bounds if duration in ("0s", "500ms", "8d") else form)


def test_a_drill_is_not_begun_and_ended_at_once(config: Path) -> None:
    ran = drwatch("drill", "shop", "--for", "1h", "--end", "--config", config)
    assert (ran.status, ran.out) == (2, "")


def test_a_drill_without_a_daemon_says_what_to_start(config: Path) -> None:
    for words in (("shop",), ("shop", "--end"), ("shop", "--json")):
        ran = drwatch("drill", *words, "--config", config)
        assert (ran.status, ran.out) == (3, "")
        assert "systemctl start drwatch" in ran.sentence


def test_incidents_of_a_directory_that_this_user_may_not_enter(config: Path) -> None:
    user = plain_user()
    if user is None:
        pytest.skip("nobody may read this checkout")
    state = config.parent / "state"
    state.mkdir(mode=0)
    for directory in config.parents:
        if directory.is_relative_to(tempfile.gettempdir()) and str(directory) != tempfile.gettempdir():
            directory.chmod(0o755)
    ran = drwatch("incidents", "--config", config, prefix=user)
    assert (ran.status, ran.out) == (3, "")
    assert "sudo -u drwatch" in ran.sentence


def test_run_says_in_a_sentence_that_it_has_no_place_to_write(config: Path) -> None:
    config.write_text(config.read_text().replace(f"{config.parent}/state", "/proc/drwatch"))
    ran = drwatch("run", "--config", config)
    assert ran.status == 1
    assert "/proc/drwatch" in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--flavour", "mysql", "--version", "five"], "SELECT VERSION()"),
        (["--flavour", "mysql", "--version=-5.7"], "SELECT VERSION()"),
        (["--flavour", "mysql", "--version", ""], "SELECT VERSION()"),
        (["--flavour", "mysql", "--version", "10.11.6-MariaDB-0+deb12u1"], "--flavour mariadb"),
        (["--flavour", "mysql", "--version", "10.11"], "--flavour mariadb"),
        (["--flavour", "mariadb", "--version", "8.0.36"], "--flavour mysql"),
        (["--flavour", "mysql", "--version", "4.1"], "drwatch watches MySQL from 5.6 on, and this is 4.1: upgrade"),
        (["--flavour", "mysql", "--version", "5.5.62"], "drwatch watches MySQL from 5.6 on, and this is 5.5.62"),
        (
            ["--flavour", "mariadb", "--version", "5.5"],
            "drwatch watches MariaDB from 10.0 on, and this is 5.5: upgrade",
        ),
    ],
)
def test_grants_wants_a_version_of_that_flavour(arguments: list[str], words: str) -> None:
    ran = drwatch("grants", *arguments, "--host", "10.0.0.3")
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.sentence


def test_grants_is_for_one_host() -> None:
    ran = drwatch("grants", "--flavour", "mysql", "--version", "8.0.36-28", "--host", "")
    assert (ran.status, ran.out) == (2, "")  # to a server an empty host is every host
    good = drwatch("grants", "--flavour", "mysql", "--version", "8.0.36-28", "--host", "10.0.0.3", "--tls").out
    assert good.startswith(
        "-- On the primary alone: it replicates. Put a password of its own in the place of <password>.\n"
    )
    assert "'drwatch'@'10.0.0.3'" in good
    assert "REQUIRE SSL WITH" in good


def test_ssh_setup_wants_a_key_and_prints_a_script_for_all_hosts_that_share_it(config: Path) -> None:
    public = config.parent / "id.pub"
    ran = drwatch("ssh-setup", "--config", config)
    assert (ran.status, ran.out) == (2, "")
    assert f'ssh-keygen -t ed25519 -N "" -f {config.parent / "id"}' in ran.sentence
    assert f"chown drwatch: {config.parent / 'id'}" in ran.sentence  # root makes it, and the service reads it
    for nonsense in (b"no key", bytes(range(128, 256))):
        public.write_bytes(nonsense)
        ran = drwatch("ssh-setup", "--config", config)
        assert (ran.status, ran.out) == (2, "")
        assert ran.sentence
    public.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOOvhBSUql+D3VjZg9N1EpvYJcC2+AbJxp2XiPZo6gt9 me@here\n")
    ran = drwatch("ssh-setup", "--config", config)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.count("DRWATCH-NODE-SH'\n") == 1  # one script, although there are two hosts
    assert ran.out.startswith("# On oslo-a (10.0.0.1) and on oslo-b (10.0.0.2), as root.\n")
    checked = subprocess.run(["sh", "-n"], input=ran.out, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert drwatch("ssh-setup", "oslo-b", "--config", config).out.startswith("# On oslo-b (10.0.0.2), as root.\n")
    assert "oslo-a, oslo-b" in drwatch("ssh-setup", "oslo-c", "--config", config).sentence


def test_page_test_of_a_channel_that_does_not_take_it_says_what_to_do(config: Path) -> None:
    (config.parent / "phone.url").write_text("json://127.0.0.1:1/x")
    ran = drwatch("page-test", "--config", config)
    assert ran.status == 1
    assert ran.out.startswith("phone: failed in ")
    assert ran.sentence == (
        "phone would wake nobody: check its URL, its account and that this machine reaches the service;"
        " see PagingBroken in docs/runbooks.md"
    )
    (line,) = drwatch("page-test", "--json", "--config", config).out.splitlines()
    assert json.loads(line)["outcome"] == "failed"


def test_page_test_names_the_channels_there_are(config: Path) -> None:
    ran = drwatch("page-test", "pager", "--config", config)
    assert (ran.status, ran.out) == (2, "")
    assert ran.sentence == "there is no channel pager: the configuration has phone"


def test_a_configuration_without_a_channel_wakes_nobody_and_the_commands_say_so(config: Path) -> None:
    config.write_text(config.read_text().replace("  channels:\n    phone: {url_file: phone.url}\n", "  channels: {}\n"))
    for form in ((), ("--json",)):
        ran = drwatch("page-test", *form, "--config", config)
        assert (ran.status, ran.out) == (2, "")
        assert ran.sentence == (
            "paging.channels is empty: drwatch would wake nobody. Add a channel to the configuration"
        )
    assert drwatch("check-config", config).out.splitlines()[-1].endswith("oslo-b (standby); channels none")


@pytest.mark.parametrize("arguments", [("demo", "--list"), ("--help",), ("run", "--help")])
def test_a_reader_that_has_gone_hears_no_complaint(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        ran = subprocess.run([*PROGRAM, *arguments], stdout=out, stderr=subprocess.PIPE, text=True, timeout=30)
    assert ran.returncode in (0, 141)  # argparse itself takes no notice
    assert ran.stderr == ""


def test_a_full_disk_and_a_closed_stdout_are_no_bugs() -> None:
    with Path("/dev/full").open("w") as out:
        ran = subprocess.run([*PROGRAM, "demo", "--list"], stdout=out, stderr=subprocess.PIPE, text=True, timeout=30)
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert "No space left" in ran.stderr
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "demo", "--list"]
    ran = subprocess.run(closed, stderr=subprocess.PIPE, text=True, timeout=30)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_terminal_of_few_letters_is_no_bug(config: Path) -> None:
    assert drwatch("check-config", config, env={"PYTHONIOENCODING": "ascii"}).status == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["shop"], "a silence needs CLUSTER, --for and --reason"),
        (["shop", "--for", "1h"], "a silence needs CLUSTER, --for and --reason"),
        (["shop", "--for", "an hour", "--reason", "x"], "--for takes whole seconds: write it like 30m, 1h30m or 2d"),
        (["shop", "--for", "72h1s", "--reason", "x"], "a silence lasts from 1s to 72h"),
        (["shop", "--for", "0s", "--reason", "x"], "a silence lasts from 1s to 72h"),
        (["--list", "--for", "1h"], "--list takes no --for"),
        (["--list", "shop", "--node", "oslo-a"], "--list takes no --node"),
        (["--end", "SAAAAAA", "--reason", "x"], "--end takes no --reason"),
        (["--end", "SAAAAAA", "--condition", "PrimaryDown"], "--end takes no --condition"),
        (["shop", "--for", "1h", "--reason", "x"], "no drwatch answers on"),
        (["--list"], "no drwatch answers on"),
        (["--end", "SAAAAAA"], "no drwatch answers on"),
    ],
)
def test_a_silence_that_cannot_be_asked_for_is_a_sentence(config: Path, words: list[str], sentence: str) -> None:
    ran = drwatch("silence", *words, "--config", config)
    assert ran.out == ""
    assert ran.status in (2, 3)
    assert ran.sentence.startswith(sentence)
