"""What a host says of itself: /proc, systemd and its file systems, over the node's one shell."""

from drwatch.probes.host.look import HostLook
from drwatch.probes.host.port import PortLook

__all__ = ["HostLook", "PortLook"]
