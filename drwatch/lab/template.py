"""Fresh data directories: made once for each program, in the lab's cache, and copied for each server."""

import getpass
import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from drwatch.lab.binaries import Program, cache
from drwatch.lab.flavour import LEAN, Build, command, usr


def template(build: Build, program: Program) -> Path:
    """A fresh data directory, made once per program in the lab's cache and copied for each server."""
    stamp = f"{program.path} {program.path.stat().st_mtime_ns} {getpass.getuser()} {build}"
    templates = cache() / "templates"
    made = templates / f"{build.name}-{sha256(stamp.encode()).hexdigest()[:12]}"
    if made.is_dir():
        return made
    templates.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=templates) as workshop:
        datadir, sparse = Path(workshop) / "data", Path(workshop) / "sparse"
        (_initialize_mysql if build.scripts is None else _bootstrap_mariadb)(build, program, datadir)
        (datadir / "auto.cnf").unlink(missing_ok=True)  # the server's UUID: each copy makes its own
        # Most of it is zeroes: a third of the bytes to copy for each server.
        subprocess.run(["cp", "-a", "--sparse=always", datadir, sparse], check=True)
        try:
            sparse.rename(made)
        except OSError:  # another run was quicker
            shutil.rmtree(sparse)
    return made


def _initialize_mysql(build: Build, program: Program, datadir: Path) -> None:
    _run([*command(build, program, datadir), "--initialize-insecure", *LEAN, *build.options], program)


def _bootstrap_mariadb(build: Build, program: Program, datadir: Path) -> None:
    """What mariadb-install-db does, which cannot run where the package is merely unpacked."""
    (datadir / "mysql").mkdir(parents=True)
    scripts = str(build.scripts).format(usr=usr(program))
    parts = ["system_tables", "performance_tables", "system_tables_data", "sys_schema"]
    # Root is whoever runs the lab, known by the socket; and nobody else may enter without a password.
    sql = f"create database if not exists mysql;\nuse mysql;\nset @auth_root_socket='{getpass.getuser()}';\n"
    sql += "".join(Path(f"{scripts}_{part}.sql").read_text() for part in parts)
    _run([*command(build, program, datadir), "--bootstrap", *LEAN, *build.options], program, sql)


def _run(words: list[str], program: Program, sql: str = "") -> None:
    subprocess.run(words, env={**os.environ, **program.env}, input=sql.encode(), check=True, capture_output=True)
