"""What the configuration says of the probes reaches them."""

import asyncio
from pathlib import Path

import pytest

from drwatch.config import load
from drwatch.core.sample import Blind, Probe, Reason
from drwatch.daemon.build import looks
from drwatch.daemon.clock import clock

PAIR = """\
clusters:
  shop:
    nodes:
      oslo-a:
        role: primary
        mysql: {{host: 127.0.0.1, port: {port}, password: "${{PASSWORD}}"}}
      oslo-b:
        role: standby
        mysql: {{host: 127.0.0.2, port: {port}, password: "${{PASSWORD}}"}}
paging:
  channels: {{phone: {{url: "${{PHONE}}"}}}}
  escalation: [{{to: [phone]}}]
probes:
  mysql: {{deadline: 200ms}}
  replication: {{deadline: 600ms}}
  login: {{deadline: 1s}}
"""


@pytest.mark.parametrize(
    ("probe", "deadline"), [(Probe.SERVER, 0.2), (Probe.REPLICATION, 0.6), (Probe.LOGIN, 1.0)], ids=str
)
async def test_each_look_of_a_server_waits_as_long_as_the_configuration_says(
    tmp_path: Path, probe: Probe, deadline: float
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.2")
    path = tmp_path / "drwatch.yaml"
    path.write_text(PAIR.format(port=server.sockets[0].getsockname()[1]))
    path.chmod(0o640)
    config = load(path, {"PASSWORD": "correct horse", "PHONE": "ntfys://host/topic"}, look=False)
    made = looks(config, clock)
    look = next(look for look in made if (look.key.node.name, look.key.probe) == ("oslo-b", probe))
    try:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        found = (await look.look()).found
        assert deadline - 0.05 < loop.time() - asked < deadline + 0.3
        assert isinstance(found, Blind)
        assert found.reason is Reason.NO_HANDSHAKE
    finally:
        await asyncio.gather(*(each.close() for each in made))
        server.close()


async def test_the_anchors_that_are_judged_by_are_those_that_are_dialled(tmp_path: Path) -> None:
    """Under another name an IPv6 anchor would be dialled for ever and never believed."""
    path = tmp_path / "drwatch.yaml"
    path.write_text(PAIR.format(port=3306) + 'anchors: ["[2001:db8::1]:443", "gateway.example.no:22"]\n')
    path.chmod(0o640)
    config = load(path, {}, look=False)
    dialled = {look.key.target for look in looks(config, clock) if look.key.probe is Probe.REACH}
    assert dialled == set(config.policy.anchors)
