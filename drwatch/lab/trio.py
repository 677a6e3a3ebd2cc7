"""A pair with a third server: a second standby of the primary, or a standby of the standby."""

from contextlib import ExitStack

from drwatch.lab.binaries import find
from drwatch.lab.pair import Pair
from drwatch.lab.replication import create_accounts, start_replication
from drwatch.lab.server import Flavour, Server
from drwatch.lab.sshd import Sshd

THIRD = "127.0.0.16"


class Trio(Pair):
    """Both standbys write a binary log of what they apply: either can feed the other."""

    standby_options = (*Pair.standby_options, "--log-slave-updates=1")

    def __init__(self, flavour: Flavour = Flavour.MARIADB, rate: float = 20, chain: bool = False) -> None:
        super().__init__(flavour, rate)
        self._chain = chain

    def _bring_up(self, stack: ExitStack) -> None:
        super()._bring_up(stack)
        options = ("--server-id=3", "--read-only=1", "--log-slave-updates=1")
        self.third = Server(self.sandbox, find(), self.flavour, "oslo-c", THIRD, *options)
        self.third.start()
        create_accounts(self.third)
        feeder = self.standby if self._chain else self.link
        # From the first transaction on: each binary log holds all that was ever written there.
        source = self.standby if self._chain else self.primary
        start = {"File": source.sql("SHOW BINARY LOGS")[0]["Log_name"], "Position": 4}
        start_replication(source, self.third, feeder.address, feeder.port, start)
        self.third_ssh = Sshd(self.sandbox, find(), "oslo-c", THIRD)
        self.third_ssh.start()

    @property
    def servers(self) -> tuple[Server, ...]:
        return *super().servers, self.third

    @property
    def shells(self) -> tuple[Sshd, ...]:
        return *super().shells, self.third_ssh
