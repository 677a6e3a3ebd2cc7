"""What a wrong configuration says: where, what was expected, what to do. Everything at once, never a value."""

from pathlib import Path

import pytest

from drwatch.config import ConfigErrors, load
from drwatch.config.errors import key_path

CHOICES = [
    pytest.param(
        "    phone: {url_file: /etc/drwatch/phone.url}\n",
        "    phone: {alertmanager: [http://am1:9093, http://user:pw@am2:9093]}\n",
        "16: paging.channels.phone.alertmanager[1]: expected an Alertmanager's address and nothing else in it."
        " Put secrets into password_file.",
        id="an Alertmanager with a secret in its address",
    ),
    pytest.param(
        "    phone: {url_file: /etc/drwatch/phone.url}\n",
        "    phone: {alertmanager: [am1:9093]}\n",
        "16: paging.channels.phone.alertmanager[0]: expected a web address. Start it with http:// or https://.",
        id="an Alertmanager without a scheme",
    ),
    pytest.param(
        "    phone: {url_file: /etc/drwatch/phone.url}\n",
        "    phone: {alertmanager: [http://am1:9093], url_file: /etc/drwatch/phone.url}\n",
        "16: paging.channels.phone.alertmanager: expected exactly one of url_file, url, credential, alertmanager."
        " Remove all but one.",
        id="a channel of two kinds",
    ),
    pytest.param(
        "    phone: {url_file: /etc/drwatch/phone.url}\n",
        "    phone: {alertmanager: [http://am1:9093], user: drwatch}\n",
        "16: paging.channels.phone: expected user and password_file together. Add the other, or remove both.",
        id="a user without a password",
    ),
    pytest.param(
        "    phone: {url_file: /etc/drwatch/phone.url}\n",
        "    phone: {url_file: /etc/drwatch/phone.url, token_file: /etc/drwatch/mysql.pw}\n",
        "16: paging.channels.phone.token_file: expected this beside alertmanager alone."
        " Remove it, or put it into the URL.",
        id="a token for a URL",
    ),
    pytest.param(
        '    sms: {url: "${SMS_URL}", format: short}\n',
        "    sms: {alertmanager: [http://am1:9093], format: short}\n",
        "17: paging.channels.sms.format: expected no short form: an alert has a summary of its own. Remove it.",
        id="a short alert",
    ),
    pytest.param(
        '    sms: {url: "${SMS_URL}", format: short}\n',
        "    sms: {alertmanager: [http://am1:9093], redact: true}\n",
        "17: paging.channels.sms.redact: expected no redaction: an alert's labels name its subject. Remove it.",
        id="a redacted alert",
    ),
    pytest.param(
        "    phone: {url_file: /etc/drwatch/phone.url}\n",
        "    phone: {url_file: /etc/drwatch/phone.url, fromat: short}\n",
        "16: paging.channels.phone.fromat: expected a known key. Perhaps format was meant.",
        id="a key that is nearly right",
    ),
    pytest.param(
        "anchors:",
        "anker:",
        "19: anker: expected a known key. Use one of clusters, paging, heartbeat, maintenance, anchors, limits, probes,"
        " web, state, history, log, zone.",
        id="a key that is nothing like ours",
    ),
    pytest.param(
        "anchors:",
        "heartbeat: {}\nanchors:",
        "19: heartbeat: expected exactly one of url, url_file, credential. Add url.",
        id="a heartbeat to nowhere",
    ),
    pytest.param(
        "every: 5m",
        "every: 5 minutes",
        "13: clusters.shop.files.uploads.every: expected a duration. Write it like 500ms, 10s, 5m, 1h30m or 2d.",
        id="a duration in words",
    ),
    pytest.param(
        "every: 5m",
        "every: 300",
        "13: clusters.shop.files.uploads.every: expected a duration. Write it like 500ms, 10s, 5m, 1h30m or 2d.",
        id="a duration without a unit",
    ),
    pytest.param(
        "every: 5m",
        "every: 0s",
        "13: clusters.shop.files.uploads.every: expected a duration from 100ms to 366d. Choose one between the two.",
        id="a sync that runs without a pause",
    ),
    pytest.param(
        "role: standby",
        "role: primary",
        "9: clusters.shop.nodes.oslo-b.role: expected one primary, and an earlier node of this cluster is it."
        " Write role: standby, or give the pair a cluster of its own.",
        id="two primaries",
    ),
    pytest.param(
        "role: primary",
        "role: standby",
        "3: clusters.shop.nodes: expected a primary, and there are only standbys. Give one role: primary.",
        id="a standby of nobody",
    ),
    pytest.param(
        "role: primary",
        "role: master",
        "5: clusters.shop.nodes.oslo-a.role: expected 'primary' or 'standby'. Write one of them.",
        id="a role of another time",
    ),
    pytest.param(
        "        role: primary\n",
        "",
        "4: clusters.shop.nodes.oslo-a.role: expected this key, and it is missing or empty."
        " Add it; docs/configuration.md describes it.",
        id="no role",
    ),
    pytest.param(
        "host: 10.0.0.2",
        "host: 10.0.0.1",
        "10: clusters.shop.nodes.oslo-b.mysql.host: expected an address of its own, and another node has this host and"
        " port. Correct one of the two.",
        id="two nodes that are one server",
    ),
    pytest.param(
        "host: 10.0.0.2",
        "host: 10.0.0.2:3306",
        "10: clusters.shop.nodes.oslo-b.mysql.host: expected a host name or an IP address. Ports have a key of their"
        " own.",
        id="a port in the host",
    ),
    pytest.param(
        "host: 10.0.0.2",
        "host: 10.0.0.2, port: 70000",
        "10: clusters.shop.nodes.oslo-b.mysql.port: expected a port from 1 to 65535. Write a whole number"
        " between the two.",
        id="a port past the last",
    ),
    pytest.param(
        "host: 10.0.0.2",
        "host: 10.0.0.2, tls: {ca: /etc/drwatch/known_hosts}",
        "10: clusters.shop.nodes.oslo-b.mysql.tls.ca: expected CA certificates in PEM form."
        " Copy ca.pem from the server's data directory.",
        id="a CA file that is none",
    ),
    pytest.param(
        "/var/lib/drwatch-sync/uploads",
        "/var/www/html/uploads/.marker",
        "13: clusters.shop.files.uploads.marker: expected a place outside the synced tree: rsync --delete would remove"
        " the marker. Put it beside the tree, like /var/lib/drwatch-sync/NAME.",
        id="a marker inside the synced tree",
    ),
    pytest.param(
        "/var/lib/drwatch-sync/uploads",
        "//var/www/./html/nothing/../uploads//.marker",
        "13: clusters.shop.files.uploads.marker: expected a place outside the synced tree: rsync --delete would remove"
        " the marker. Put it beside the tree, like /var/lib/drwatch-sync/NAME.",
        id="a marker inside the synced tree, by a crooked path",
    ),
    pytest.param(
        "path: /var/www",
        "path: var/www",
        "13: clusters.shop.files.uploads.path: expected an absolute path. Start it with /.",
        id="a relative path on a node",
    ),
    pytest.param(
        "10.0.0.2, password_file: /etc/drwatch/mysql.pw}\n        ssh: {}",
        "10.0.0.2, password_file: /etc/drwatch/mysql.pw}",
        "12: clusters.shop.files.uploads: expected ssh on a standby: the marker is read there."
        " Add ssh: {host: …} to the standby, or remove the file set.",
        id="a marker that nobody can read",
    ),
    pytest.param(
        ", {to: [sms], after: 5m}",
        "",
        "17: paging.channels.sms: expected a channel that somebody is paged through, and no escalation step names it."
        " Add it to paging.escalation, or remove it.",
        id="a channel nobody pages",
    ),
    pytest.param(
        "{to: [sms]",
        "{to: [smss]",
        "18: paging.escalation[1].to[0]: expected a channel that paging.channels defines. Perhaps sms was meant.",
        id="a step's channel with a slip in it, which is one mistake",
    ),
    pytest.param(
        "{to: [phone]}",
        "{to: phone}",
        "18: paging.escalation[0].to: expected a list. Write [a, b], or one item per line behind a dash.",
        id="a step's channel without brackets, which is one mistake",
    ),
    pytest.param(
        "anchors:",
        "heartbeat: {url: hc-ping.com/x}\nanchors:",
        "19: heartbeat.url: expected a web address. Start it with https://.",
        id="a heartbeat's address without a scheme",
    ),
    pytest.param(
        "anchors:",
        "heartbeat: {url: 'ntfys://host/topic'}\nanchors:",
        "19: heartbeat.url: expected a web address. Start it with https://.",
        id="a heartbeat through Apprise",
    ),
    pytest.param(
        "    phone: {url_file: /etc/drwatch/phone.url}\n",
        "    phone: {url: [a]}\n",
        "16: paging.channels.phone.url: expected a URL. Write it as one text, in quotes.",
        id="a list of URLs",
    ),
    pytest.param(
        "{to: [phone]}",
        "{to: [phone, fone]}",
        "18: paging.escalation[0].to[1]: expected a channel that paging.channels defines. Perhaps phone was meant.",
        id="an escalation to an unknown channel",
    ),
    pytest.param(
        "{to: [phone]}",
        "{to: [phone], after: 1h}",
        "18: paging.escalation[1].after: expected the steps in the order of their time. Sort them by after.",
        id="an escalation that goes back in time",
    ),
    pytest.param(
        "paging:\n",
        "paging:\n  confirm: {primarydown: 0s}\n",
        "15: paging.confirm.primarydown: expected a known key or a condition's name. Perhaps PrimaryDown was meant.",
        id="a condition in lower case",
    ),
    pytest.param(
        "paging:\n",
        "paging:\n  flapping: {times: 1}\n",
        "15: paging.flapping.times: expected a whole number from 2 to 100. Choose a whole number between the two.",
        id="a count that is none",
    ),
    pytest.param(
        "paging:\n",
        "paging:\n  confirm: {PrimaryDown: soon}\n",
        "15: paging.confirm.PrimaryDown: expected a duration. Write it like 500ms, 10s, 5m, 1h30m or 2d.",
        id="a condition that is confirmed some day",
    ),
    pytest.param(
        "gateway.example.no:443",
        "gateway.example.no",
        "19: anchors[0]: expected host:port. Write it like gateway.example.no:443, or [2001:db8::1]:443.",
        id="an anchor without a port",
    ),
    pytest.param(
        "anchors:",
        "limits: {io_wait: 50}\nanchors:",
        "19: limits.io_wait: expected a share above 0 and up to 1. Write half as 0.5.",
        id="a percentage",
    ),
    pytest.param(
        "anchors:",
        "probes: {host: {every: 9s}}\nanchors:",
        "19: probes.host: expected every + deadline within limits.stale_sample, or its facts go stale between two"
        " looks. Look more often, or raise limits.stale_sample (now 10s).",
        id="looks so rare that every fact is stale",
    ),
    pytest.param(
        "anchors:",
        "zone: Europe/Osla\nanchors:",
        "19: zone: expected a time zone's IANA name. Write it like Europe/Oslo, UTC or system.",
        id="a time zone that is nowhere",
    ),
    pytest.param(
        "anchors:",
        "zone: Europe\nanchors:",
        "19: zone: expected a time zone's IANA name. Write it like Europe/Oslo, UTC or system.",
        id="a directory of time zones",
    ),
    pytest.param(
        "anchors:",
        "state: {runtime: /run/" + "deep/" * 20 + "}\nanchors:",
        "19: state.runtime: expected a path of at most 90 bytes: a Unix socket lies in it. Choose a shorter one.",
        id="a directory too deep for a socket",
    ),
    pytest.param(
        "    files:\n",
        "    endpoint: {dns: db.example.no, mysql: db.example.no:3306}\n    files:\n",
        "12: clusters.shop.endpoint.dns: expected exactly one of mysql, dns, http. Remove all but one.",
        id="two endpoints",
    ),
    pytest.param(
        "        ssh: {}\n      oslo-b",
        "        ssh: yes please\n      oslo-b",
        "7: clusters.shop.nodes.oslo-a.ssh: expected keys and values. Indent the keys below it, or write {key: value}.",
        id="text where a section belongs",
    ),
    pytest.param(
        "anchors: [gateway.example.no:443]",
        "anchors: gateway.example.no:443",
        "19: anchors: expected a list. Write [a, b], or one item per line behind a dash.",
        id="text where a list belongs",
    ),
    pytest.param(
        "oslo-b:",
        "oslo b:",
        "8: clusters.shop.nodes.?: expected a name of up to 64 letters, digits, _ . and -, and no blank."
        " Choose another name.",
        id="a name with a blank",
    ),
]


@pytest.mark.parametrize(("good", "bad", "line"), CHOICES)
def test_an_error_says_where_it_is_what_was_expected_and_what_to_do(machine, pair, good, bad, line) -> None:
    assert good in pair
    assert line in machine.errors(pair.replace(good, bad, 1))


def test_one_fault_is_one_error(machine, pair) -> None:
    for choice in CHOICES:
        good, bad, line = choice.values
        if choice.id != "a CA file that is none":  # which is also beside a mode that verifies nothing
            assert machine.errors(pair.replace(good, bad, 1)) == [line], choice.id


def test_all_errors_are_told_at_once_in_the_file_s_order(machine, pair) -> None:
    """A wrong type in one place hides no broken rule in another, though pydantic has no model to check then."""
    text = (
        pair.replace("role: standby", "role: primary")
        .replace("mysql.pw", "nothing", 1)
        .replace("every: 5m", "every: often")
        .replace("to: [sms]", "to: [pager]")
        .replace("anchors:", "anchor:")
    )
    assert [error.split(": expected")[0] for error in machine.errors(text)] == [
        "6: clusters.shop.nodes.oslo-a.mysql.password_file",
        "9: clusters.shop.nodes.oslo-b.role",
        "13: clusters.shop.files.uploads.every",
        "18: paging.escalation[1].to[0]",
        "19: anchor",
    ]


def test_two_clusters_cannot_watch_one_server(machine, pair) -> None:
    again = pair[pair.index("  shop:") : pair.index("paging:")].replace("shop", "kiosk").replace("10.0.0.1", "10.0.0.3")
    [error] = machine.errors(pair.replace("paging:", again + "paging:"))
    assert error.startswith("22: clusters.kiosk.nodes.oslo-b.mysql.host: expected an address of its own")


@pytest.mark.parametrize(
    ("windows", "fits"),
    [
        (["at: '02:00', for: 1d"], False),
        (["at: '02:00', for: 23h"], True),
        (["at: '02:00', for: 23h30m"], False),
        (["days: [sat], at: '00:00', for: 72h"], True),
        (["days: [sat, tue], at: '00:00', for: 72h"], False),
        (["days: [fri], at: '20:00', for: 40h", "days: [sun], at: '12:00', for: 40h"], False),
        (["days: [sun], at: '12:00', for: 40h", "days: [tue], at: '03:00', for: 40h"], False),
        (["days: [fri], at: '20:00', for: 40h", "days: [sun], at: '13:30', for: 40h"], True),
    ],
)
def test_windows_that_leave_a_cluster_unwatched_for_longer_than_three_days_are_refused(
    machine, pair, windows, fits
) -> None:
    lines = "".join(f"  - {{cluster: shop, {window}, reason: upgrades}}\n" for window in windows)
    errors = (
        machine.errors(pair + "maintenance:\n" + lines) if not fits else machine.load(pair + "maintenance:\n" + lines)
    )
    if not fits:
        [error] = errors
        assert (
            error.partition(": ")[2].partition(".")[0].endswith("leave shop watched for an hour at least once in 72h")
        )


def test_one_host_may_have_two_servers(machine, pair) -> None:
    text = pair.replace("host: 10.0.0.2", "host: 10.0.0.1, port: 3307")
    assert [str(node.mysql.address) for node in machine.load(text).nodes] == ["10.0.0.1:3306", "10.0.0.1:3307"]


def test_a_marker_beside_the_tree_with_the_tree_s_name_in_its_own_is_outside(machine, pair) -> None:
    machine.load(pair.replace("/var/lib/drwatch-sync/uploads", "/var/www/html/uploads.marker"))


def test_a_key_that_holds_a_password_by_mistake_is_not_shown(machine, pair) -> None:
    """In ``{password:hunter2}`` a blank is missing, and YAML takes all of it for a key without a value."""
    errors = machine.errors(pair.replace("password_file: /etc/drwatch/mysql.pw", "password:hunter2", 1))
    assert any("mysql.?: expected a known key" in error for error in errors)
    assert "hunter2" not in "".join(errors)


def test_a_key_path_is_written_as_people_write_it() -> None:
    assert key_path(("paging", "escalation", 0, "to", 1)) == "paging.escalation[0].to[1]"
    assert key_path(("clusters", "butikk-ø")) == "clusters.butikk-ø"
    assert key_path(("two\nlines",)) == "?"
    assert key_path(()) == "(file)"


def test_a_missing_file_is_an_error_like_any_other(machine) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(Path("/nowhere/drwatch.yaml"), {})
    assert str(caught.value) == (
        "/nowhere/drwatch.yaml:1: (file): expected a file, and there is none."
        " Create it from config/minimal.yaml, or name another file."
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "", "1: (file): expected a configuration and the file is empty. Start from config/minimal.yaml.", id="empty"
        ),
        pytest.param(
            "# later\n---\n",
            "1: (file): expected a configuration and the file is empty. Start from config/minimal.yaml.",
            id="nothing but a comment",
        ),
        pytest.param(
            "- a\n- b\n",
            "1: (file): expected keys and values (clusters: …). Start from config/minimal.yaml.",
            id="a list",
        ),
        pytest.param(
            b"clusters:\n  caf\xe9: {}\n", "2: (file): expected UTF-8 text. Save the file as UTF-8.", id="latin 1"
        ),
        pytest.param(
            b"#" * (2 << 20),
            "1: (file): expected a file of at most 1 MB. Check that this is drwatch's configuration.",
            id="a file far too large",
        ),
    ],
)
def test_a_file_that_is_no_configuration_is_one_error(machine, text, line) -> None:
    assert machine.errors(text) == [line]


def test_a_directory_in_the_file_s_place_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigErrors, match=r"expected a file, and this is a directory\. Name the file in it"):
        load(tmp_path, {})
