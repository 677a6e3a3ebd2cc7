"""Fresh data directories: made once for each program, in the lab's cache, and copied for each server."""

import getpass
import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from drwatch.lab.binaries import Binaries, cache
from drwatch.lab.flavour import Flavour, command, executable, share


def template(binaries: Binaries, flavour: Flavour) -> Path:
    """A fresh data directory, made once per program in the lab's cache and copied for each server."""
    program = executable(binaries, flavour)
    stamp = f"{program.resolve()} {program.stat().st_mtime_ns} {getpass.getuser()}"
    kind = "mariadb" if flavour.is_mariadb else "mysql-5.7"
    templates = cache() / "templates"
    made = templates / f"{kind}-{sha256(stamp.encode()).hexdigest()[:12]}"
    if made.is_dir():
        return made
    templates.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=templates) as workshop:
        datadir = Path(workshop) / "data"
        (_bootstrap_mariadb if flavour.is_mariadb else _initialize_mysql)(binaries, flavour, datadir)
        (datadir / "auto.cnf").unlink(missing_ok=True)  # the server's UUID: each copy makes its own
        try:
            datadir.rename(made)
        except OSError:  # another run was quicker
            shutil.rmtree(datadir)
    return made


def _initialize_mysql(binaries: Binaries, flavour: Flavour, datadir: Path) -> None:
    subprocess.run(
        [
            *command(binaries, flavour, datadir),
            "--initialize-insecure",
            "--innodb-log-file-size=8M",
            "--skip-ssl",
            "--explicit-defaults-for-timestamp",
        ],
        env={**os.environ, **binaries.env},
        check=True,
        capture_output=True,
    )


def _bootstrap_mariadb(binaries: Binaries, flavour: Flavour, datadir: Path) -> None:
    """What mariadb-install-db does, which cannot run where the package is merely unpacked."""
    (datadir / "mysql").mkdir(parents=True)
    scripts = share(binaries.mariadbd)
    # The prefix of the scripts changed with 11: mysql_system_tables.sql, mariadb_system_tables.sql.
    prefix = "mariadb" if (scripts / "mariadb_system_tables.sql").exists() else "mysql"
    parts = ["system_tables", "performance_tables", "system_tables_data", "sys_schema"]
    # Root is whoever runs the lab, known by the socket; and nobody else may enter without a password.
    sql = f"create database if not exists mysql;\nuse mysql;\nset @auth_root_socket='{getpass.getuser()}';\n"
    sql += "".join((scripts / f"{prefix}_{part}.sql").read_text() for part in parts)
    subprocess.run(
        [*command(binaries, flavour, datadir), "--bootstrap", "--innodb-log-file-size=8M"],
        env={**os.environ, **binaries.env},
        input=sql.encode(),
        check=True,
        capture_output=True,
    )
