"""Processes that pass for database servers."""

import shutil
import subprocess

from drwatch.lab.sandbox import Sandbox


class Servers:
    """They go by the name of a database server and hold their sandbox in their command line."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.program = sandbox.path / "mysqld"
        shutil.copy(shutil.which("sleep") or "/bin/sleep", self.program)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *before: str) -> int:
        self.started.append(subprocess.Popen([*before, str(self.program), "1000"]))
        return self.started[-1].pid

    def start_as(self, name: str) -> int:
        other = self.program.with_name(name)
        shutil.copy(self.program, other)
        self.started.append(subprocess.Popen([other, "1000"]))
        return self.started[-1].pid

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
