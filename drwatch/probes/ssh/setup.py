"""What `drwatch ssh-setup` prints: the commands that let drwatch look at a node, and do nothing else there."""

from __future__ import annotations

import re

from drwatch.probes.ssh.shell import SCRIPT

PLACE = "/usr/local/lib/drwatch/node.sh"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_KEY = re.compile(r"((?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d{3}) [A-Za-z0-9+/]{40,}={0,3})(?: [^\n]*)?")
_TEMPLATE = """\
set -eu
# 1. The script that the key starts, whatever else is asked of it: it reads /proc, df, markers, and writes nothing.
install -d -m 755 {directory}
cat >{place}.new <<'DRWATCH-NODE-SH'
{script}DRWATCH-NODE-SH
chmod 755 {place}.new
mv {place}.new {place}
# 2. An account of its own. Its password is * and not !, which an sshd without PAM takes for locked.
id -u {user} >/dev/null 2>&1 ||
    useradd --system --create-home --home-dir /var/lib/{user} --shell /bin/sh --password '*' {user}
home=$(getent passwd {user} | cut -d: -f6)
# 3. The key, for that script alone: no terminal, no forwarding, no other command.
install -d -m 700 -o {user} -g "$(id -g {user})" "$home/.ssh"
touch "$home/.ssh/authorized_keys"
grep -qF '{key}' "$home/.ssh/authorized_keys" ||
    echo 'command="exec /bin/sh {place}",restrict {key} drwatch' >>"$home/.ssh/authorized_keys"
chown {user} "$home/.ssh/authorized_keys"
chmod 600 "$home/.ssh/authorized_keys"
if command -v restorecon >/dev/null; then restorecon -R "$home/.ssh"; fi
# 4. On a MySQL without GTIDs, let it see how long the newest binary log is (Debian: the group of /var/log/mysql):
#    usermod -aG adm {user}
# 5. This host's key. The witness accepts no other.
#    On the witness: ssh-keyscan ADDRESS >> /etc/drwatch/known_hosts (-p PORT where it is not 22),
#    then compare its ssh-keygen -lf with:
for key in /etc/ssh/ssh_host_*_key.pub; do [ ! -e "$key" ] || ssh-keygen -lf "$key"; done
"""


def ssh_setup(user: str, public_key: str) -> str:
    """A script for root on the node: the account ``user``, and ``public_key`` (a line of OpenSSH's) for node.sh alone.

    It can be run again, and after an upgrade should be. ValueError where ``user`` or ``public_key`` is none.
    """
    key = _KEY.fullmatch(public_key.strip())
    if not _USER.fullmatch(user):
        raise ValueError(f"no name of an account: {user!r}")
    if key is None:
        raise ValueError("no public key of OpenSSH's, such as 'ssh-ed25519 AAAA…'")
    return _TEMPLATE.format(
        user=user, key=key[1], place=PLACE, directory=PLACE.rpartition("/")[0], script=SCRIPT.decode()
    )
