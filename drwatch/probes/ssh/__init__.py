"""One SSH connection and one long-lived POSIX shell per node, which the probes of that node share.

The shell runs ``node.sh``; where authorized_keys forces that script, what is sent is the same. Whatever keeps a request
from its answer is raised as :class:`Unseen`.
"""

from drwatch.probes.ssh.connection import DIAL_EVERY, SshNode
from drwatch.probes.ssh.dial import connect, resolve, system_blind
from drwatch.probes.ssh.faults import Unseen
from drwatch.probes.ssh.setup import ssh_setup
from drwatch.probes.ssh.shell import DROP_AFTER, VERSION, Answer, Request, Shell

__all__ = [
    "DIAL_EVERY",
    "DROP_AFTER",
    "VERSION",
    "Answer",
    "Request",
    "Shell",
    "SshNode",
    "Unseen",
    "connect",
    "resolve",
    "ssh_setup",
    "system_blind",
]
