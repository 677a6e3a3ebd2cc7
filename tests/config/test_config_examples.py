"""The examples that people copy: they load, and the annotated one tells the truth about the defaults."""

import dataclasses
import re
import types
import typing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from drwatch.config import Address, Config, model, tree
from drwatch.core import policy
from drwatch.core.example import pages
from drwatch.core.policy import Role
from drwatch.core.sample import Moment, Node, Probe
from drwatch.paging.words import wrong

EXAMPLES = Path(__file__).parents[2] / "config"
ANNOTATED = (EXAMPLES / "drwatch.yaml").read_text()
MANUAL = (EXAMPLES.parent / "docs/configuration.md").read_text()
PARTS = re.findall(r"^```yaml\n(.*?)^```$", MANUAL, re.MULTILINE | re.DOTALL)
"""What the manual shows as YAML."""

REQUIRED_ONLY = """\
clusters:
  shop:
    nodes:
      oslo-a: {role: primary, mysql: {host: 10.0.0.1, password_file: /etc/drwatch/mysql.pw}, ssh: {}}
      oslo-b: {role: standby, mysql: {host: 10.0.0.2, password_file: /etc/drwatch/mysql.pw}, ssh: {}}
    files:
      uploads: {path: /var/www/html/uploads, marker: /var/lib/drwatch-sync/uploads, every: 5m}
    jobs:
      nightly-dump: {every: 1d, grace: 2h, token_file: /etc/drwatch/nightly-dump.token}
paging:
  channels:
    phone: {url_file: /etc/drwatch/phone.url}
"""
"""What config/drwatch.yaml marks as required, or shows as an example of something that is optional as a whole."""


def test_the_annotated_file_is_the_defaults(machine) -> None:
    assert machine.load(ANNOTATED) == machine.load(REQUIRED_ONLY)


def test_the_annotated_file_has_every_key(machine) -> None:
    missing = sorted(_missing(model.Document, tree.read(ANNOTATED).data, ""))
    # The second of a pair is written short, to show that it can be; backups and the rest are not watched yet.
    assert [path for path in missing if not path.startswith("clusters.shop.nodes.oslo-b.")] == []


def _missing(kind: object, data: object, path: str) -> typing.Iterator[str]:
    """Paths of the fields that a mapping could have and has not."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in model.keys(kind).items():
            if isinstance(data, dict) and name in data:
                yield from _missing(field.annotation, data[name], f"{path}{name}.")
            elif data is not None:
                yield f"{path}{name}"
    elif typing.get_origin(kind) is dict and isinstance(data, dict):
        for name, value in data.items():
            yield from _missing(typing.get_args(kind)[1], value, f"{path}{name}.")
    elif typing.get_origin(kind) is list and isinstance(data, list):
        for index, value in enumerate(data):
            yield from _missing(typing.get_args(kind)[0], value, f"{path}{index}.")


@pytest.mark.parametrize("name", ["minimal.yaml", "drwatch.yaml"])
def test_a_shipped_example_loads_once_its_files_exist(machine, name: str) -> None:
    config = machine.load((EXAMPLES / name).read_text())
    assert [node.role for node in config.nodes] == [Role.PRIMARY, Role.STANDBY]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.split(":")[0].strip())
def test_what_the_manual_shows_is_taken_as_it_stands(machine, pair: str, part: str) -> None:
    config = machine.load(_pasted(part, pair))
    examples = list(pages(config.policy, Moment(0.0, datetime.now(UTC))))
    for mine in config.policy.paging.templates.values():
        assert list(wrong(mine, examples, UTC, private=False)) == []


def _pasted(part: str, pair: str) -> str:
    """The file with these lines in it; they are the whole of it, or below ``paging:``, or of the cluster above that."""
    if part.startswith("clusters:\n"):
        return part
    return pair.replace("paging:\n", part if part.startswith("paging:\n") else f"{part}paging:\n")


def test_the_contract_s_example_loads(machine) -> None:
    config = machine.load((Path(__file__).parent / "contract.yaml").read_text())
    [cluster] = config.policy.clusters
    assert cluster.objectives == policy.Objectives(rpo=60.0, rto=900.0)
    assert cluster.primary.node == Node("shop", "oslo-a")
    assert [node.node.name for node in cluster.standbys] == ["oslo-b"]
    assert cluster.primary.location == "NO"
    assert cluster.primary.mysql == "10.0.0.1:3306"
    assert cluster.primary.ssh == "drwatch@10.0.0.1"
    assert cluster.files == (
        policy.FileSet("uploads", "/var/www/html/uploads", "/var/lib/drwatch-sync/uploads", 300.0, 900.0),
    )
    assert config.policy.paging == policy.Paging(
        channels=("phone", "sms"),
        escalation=(policy.Step(("phone",), 0.0), policy.Step(("sms",), 300.0)),
        remind=600.0,
        short=frozenset({"sms"}),
    )
    assert config.policy.anchors == ("gateway.example.no:443",)
    assert config.anchors == (Address("gateway.example.no", 443),)
    assert config.listen == Address("127.0.0.1", 9633)
    assert {name: url.reveal() for name, url in config.channels.items()} == {
        "phone": "ntfys://host/token-in-url",
        "sms": "sms://sms-token@host",
    }
    assert [node.mysql.password.reveal() for node in config.nodes] == ["correct horse", "correct horse"]


def test_every_kind_of_probe_has_a_pace(machine) -> None:
    paces = machine.load().probes
    assert set(paces) == set(Probe)
    assert (paces[Probe.SERVER].every, paces[Probe.REPLICATION].deadline) == (1.0, 3.0)


def test_the_fast_look_s_interval_is_the_policy_s(machine, pair: str) -> None:
    assert machine.load(pair + "probes: {mysql: {every: 500ms}}\n").policy.look == 0.5


def test_a_policy_left_to_its_defaults_is_the_core_s(machine) -> None:
    loaded = machine.load().policy
    defaults = {field.name: field.default for field in dataclasses.fields(policy.Policy)}
    for name in ("confirm", "limits", "hold", "zone", "look", "flapping", "maintenance"):
        assert getattr(loaded, name) == defaults[name], name
    assert loaded.clusters[0].objectives == policy.Objectives()
    assert loaded.clusters[0].assumed == policy.Assumed()
    assert loaded.paging.remind == policy.Paging((), ()).remind


@pytest.mark.parametrize(
    ("section", "value"),
    [
        (model.Objectives, policy.Objectives),
        (model.Assumed, policy.Assumed),
        (model.Limits, policy.Limits),
        (model.Confirm, policy.Confirm),
        (model.Flapping, policy.Flapping),
    ],
)
def test_whatever_the_core_can_be_told_has_a_key(section: type[BaseModel], value: type) -> None:
    told = {field.name for field in dataclasses.fields(value)} - {"by_condition"}
    assert set(section.model_fields) == told


def test_a_config_never_shows_a_secret(machine) -> None:
    config: Config = machine.load()
    for text in (repr(config), str(config), f"{config.channels['phone']}", repr(dataclasses.asdict(config.nodes[0]))):
        assert "correct horse" not in text
        assert "token" not in text


def test_the_manual_names_every_key() -> None:
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", MANUAL))))
    assert sorted(_keys(model.Document) - named) == []


def _keys(kind: object) -> set[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = model.keys(kind)
        return set(fields).union(*(_keys(field.annotation) for field in fields.values()))
    return set().union(*(_keys(each) for each in typing.get_args(kind)))
