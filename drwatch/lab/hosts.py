"""The pair on hosts of its own: primary, standby, witness and the world outside, each with an address and a cable."""

from contextlib import ExitStack

from drwatch.lab.binaries import Binaries
from drwatch.lab.names import ZONE, Names
from drwatch.lab.network import Network
from drwatch.lab.pair import Pair, Places
from drwatch.lab.pair import Wire as Way

PRIMARY, STANDBY, WITNESS, OUTSIDE = "oslo-a", "oslo-b", "witness", "outside"

_STREAM = "inet stream"


class Wire:
    """The network between standby and primary, as far as the stream of replication goes."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.address, self.port = network.hosts[PRIMARY].address, 3306

    def listen(self) -> None:
        """The primary itself listens."""

    def passes(self) -> None:
        self._network.unrule(PRIMARY, _STREAM)

    def silent(self) -> None:
        self._rule("drop", "input", "output")

    def refuses(self) -> None:
        # Of what comes: what the primary sends must go out, so that its acknowledgement is answered with a reset.
        self._rule("reject with tcp reset", "input")

    def _rule(self, verdict: str, *hooks: str) -> None:
        peer = self._network.hosts[STANDBY]
        ends = {"input": ("s", "d"), "output": ("d", "s")}
        chains = ""
        for hook in hooks:
            theirs, ours = ends[hook]
            port = f"tcp {ours}port {self.port} {verdict}"
            chains += (
                f"chain {hook} {{ type filter hook {hook} priority 0\n"
                f"ip {theirs}addr {peer.address} {port}\nip6 {theirs}addr {peer.address6} {port}\n}}\n"
            )
        self._network.rule(PRIMARY, _STREAM, f"table {_STREAM} {{\n{chains}}}\n")


class Hosts(Pair):
    """A pair like the other one, for the same faults, and for those that a network can have."""

    def _settle(self, binaries: Binaries, stack: ExitStack) -> Places:
        self.network = stack.enter_context(Network(self.sandbox, binaries, (PRIMARY, STANDBY, WITNESS, OUTSIDE)))
        places = Places(*self.network.hosts.values())
        outside = places.outside
        self.names = stack.enter_context(Names(outside.address, 60, places.primary.address, host=outside))
        for name, host in self.network.hosts.items():
            self.names.point(host.address, f"{name}.{ZONE}")
        return places

    def power_off(self) -> float:
        self.files.paused.set()
        self.network.plug(PRIMARY, False)
        at = self.primary.kill()
        self.primary_ssh.kill()
        return at

    def power_on(self) -> None:
        self.network.plug(PRIMARY, True)
        self.primary_ssh.start()
        self.primary.start()
        self.files.paused.clear()

    def _wire(self, stack: ExitStack) -> Way:
        return Wire(self.network)
