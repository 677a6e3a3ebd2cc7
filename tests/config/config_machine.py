"""A machine's files in a temporary directory: what the configuration names must exist."""

import re
from pathlib import Path

import pytest

from drwatch.config import Config, ConfigErrors, load

PAIR = """\
clusters:
  shop:
    nodes:
      oslo-a:
        role: primary
        mysql: {host: 10.0.0.1, password_file: /etc/drwatch/mysql.pw}
        ssh: {}
      oslo-b:
        role: standby
        mysql: {host: 10.0.0.2, password_file: /etc/drwatch/mysql.pw}
        ssh: {}
    files:
      uploads: {path: /var/www/html/uploads, marker: /var/lib/drwatch-sync/uploads, every: 5m}
paging:
  channels:
    phone: {url_file: /etc/drwatch/phone.url}
    sms: {url: "${SMS_URL}", format: short}
  escalation: [{to: [phone]}, {to: [sms], after: 5m}]
anchors: [gateway.example.no:443]
"""
SECRETS = ("correct horse", "token-in-url", "sms-token")


class Machine:
    """``root`` stands for /. ``env`` is the environment of the process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"SMS_URL": "sms://sms-token@host"}
        self.config = root / "etc/drwatch/drwatch.yaml"
        self.write("/etc/drwatch/mysql.pw", "correct horse\n")
        self.write("/etc/drwatch/phone.url", "ntfys://host/token-in-url\n")
        self.write("/etc/drwatch/nightly-dump.token", "5ecret-token-of-a-job\n")
        self.write("/etc/drwatch/heartbeat.url", "https://heartbeat.example.no/token-in-url\n")
        self.write("/etc/drwatch/id_ed25519", "a key, as far as the configuration looks\n")
        self.write("/etc/drwatch/known_hosts", "10.0.0.1 ssh-ed25519 AAAA\n", mode=0o644)

    def write(self, path: str, content: str | bytes, mode: int = 0o640) -> Path:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        return file

    def load(self, text: str | bytes = PAIR, *, look: bool = True) -> Config:
        return load(self.write("/etc/drwatch/drwatch.yaml", text), self.env, root=self.root, look=look)

    def errors(self, text: str | bytes) -> list[str]:
        """Every error without the file's name: ``LINE: key.path: expected …. Remedy.``"""
        with pytest.raises(ConfigErrors) as caught:
            self.load(text)
        lines = str(caught.value).split("\n")
        assert lines == [str(error) for error in caught.value.errors]
        prefix = f"{self.config}:"
        for line in lines:
            assert re.fullmatch(re.escape(prefix) + r"[0-9]+: \S+: expected .+\. [A-Z].+\.", line), line
            assert not any(secret in line for secret in SECRETS)
        return [line.removeprefix(prefix) for line in lines]
