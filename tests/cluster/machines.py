"""A whole cluster on this machine: PostgreSQL with a standby if wanted, replicas, and HAProxy in front of them; and
with `Parts` a bucket, Milvus, and links between each replica and all of these."""

from __future__ import annotations

import csv
import os
import random
import re
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx

from kenspeckle.cli.launch import Launched, launch, stop
from kenspeckle.client.errors import CommandFailed
from tests.cluster.networks import Networks
from tests.cluster.parts import DESK, Parts
from tests.cluster.waiting import READY_SECONDS, until
from tests.postgres import Server

ADMIN = {"x-api-key": "a" * 40}
SMALL = ("max_wal_size=64MB", "wal_keep_size=0", "shared_buffers=16MB")
"""Of a PostgreSQL on a small disk."""
SOON = ("wal_retrieve_retry_interval=200ms",)
"""A standby follows a primary that is back; by itself it waits five seconds, and commits wait for it."""
DATABASE = "kenspeckle"
NAMES = ("a", "b", "c")
CONFIG = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"


class Machines:
    """Everything runs until `close`. `folder` is of this cluster alone; `with_standby`: commits wait for the standby,
    so that a fail-over loses none. `parts`: what else replicas reach, and how; without, photographs lie in a folder.
    `networks`: each replica is in one of its own, else all are on loopback. `room` is a small disk for the database.
    `unsynced`: PostgreSQL does not wait for the disk, which loses nothing while this machine itself goes on."""

    def __init__(
        self,
        folder: Path,
        *,
        with_standby: bool = False,
        parts: Parts | None = None,
        networks: Networks | None = None,
        room: Path | None = None,
        unsynced: bool = False,
    ) -> None:
        self.folder = folder
        self.parts = parts
        self.networks = networks
        self.room = room
        self.hook_host = "127.0.0.1"
        """Where replicas reach the receiver of webhooks."""
        self._open = ExitStack()
        self._replicas: dict[str, tuple[ExitStack, Launched]] = {}
        self._logged: dict[str, list[str]] = {name: [] for name in NAMES}
        """What those logged that were killed."""
        ports = {name: _lasting_port() for name in NAMES}
        hosts = {name: networks.cables[name].address if networks else "127.0.0.1" for name in NAMES}
        self.addresses = {name: f"{hosts[name]}:{ports[name]}" for name in NAMES}
        self.port = _lasting_port()
        self._told = folder / "haproxy.sock"
        self.standby: Server | None = None
        try:
            settings = (*(SOON if with_standby else ()), *(("fsync=off",) if unsynced else ()))
            self.primary = Server(*(SMALL if room is not None else ()), *settings, quick=False, room=room)
            self._open.callback(lambda: self.primary.close())
            self.primary.execute(f"CREATE DATABASE {DATABASE}")
            if with_standby:
                self.standby = Server(*settings, quick=False, standby_of=self.primary)
                self._open.callback(lambda: self._close_standby())
                self._wait_for_standby(self.primary)
            if parts is not None:
                sockets = [one.socket for one in (self.primary, self.standby) if one is not None]
                parts.connect(NAMES, sockets, networks)
        except BaseException:
            self._open.close()
            raise

    @property
    def url(self) -> str:
        """Where the balancer listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def urls(self) -> dict[str, str]:
        """Where each replica listens, by its name."""
        return {name: f"http://{address}" for name, address in self.addresses.items()}

    def settings_of(self, name: str) -> dict[str, str]:
        """A replica's, as environment variables."""
        return self.settings if self.parts is None else {**self.settings, **self.parts.settings_of(name, DATABASE)}

    @property
    def settings(self) -> dict[str, str]:
        """What all replicas share, as environment variables; those of a command that reaches everything itself."""
        hosts = sorted(str(one.folder) for one in (self.primary, self.standby) if one is not None)
        query = "&".join(f"host={one}" for one in hosts)
        return {
            "KENSPECKLE_CATALOG_URL": f"postgresql+psycopg://kenspeckle@/{DATABASE}?{query}"
            "&target_session_attrs=read-write",
            "KENSPECKLE_IMAGES_URL": (self.folder / "images").as_uri(),
            "KENSPECKLE_S3_BUCKETS": f"{DESK}={(self.folder / DESK).as_uri()}",
            "KENSPECKLE_MASTER_KEY": "ab" * 32,
            "KENSPECKLE_ADMIN_KEY": ADMIN["x-api-key"],
            "KENSPECKLE_TRUSTED_PROXIES": "127.0.0.1,10.17.0.0/16",
            "KENSPECKLE_WORKERS": "2",
            "KENSPECKLE_WEBHOOK_HOSTS": self.hook_host,
            "KENSPECKLE_WEBHOOK_SECONDS": "2",
            "KENSPECKLE_LOG_LEVEL": "WARNING",
        }

    def store(self, name: str, data: bytes) -> None:
        """Put a photograph into the bucket that manifests name: of S3, or a folder that all replicas have."""
        if self.parts is not None:
            self.parts.s3.client.put_object(Bucket=DESK, Key=name, Body=data)
        else:
            (self.folder / DESK).mkdir(exist_ok=True)
            (self.folder / DESK / name).write_bytes(data)

    def start(self, name: str) -> Launched:
        """Start a replica, ready to answer."""
        stack = ExitStack()
        host, _, port = self.addresses[name].partition(":")
        before = self.networks.inside(self.networks.cables[name]) if self.networks is not None else ()
        server = stack.enter_context(
            launch(
                self.folder / name,
                *("--host", host, "--port", port),
                settings=self.settings_of(name),
                patience=READY_SECONDS,
                before=before,
            )
        )
        self._replicas[name] = stack, server
        return server

    def kill(self, name: str) -> None:
        """`kill -9` of a replica."""
        stack, server = self._replicas.pop(name)
        server.process.kill()
        stack.close()
        self._logged[name] += server.log

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send it to a replica's process."""
        self._replicas[name][1].process.send_signal(number)

    def abort(self) -> None:
        """Have each replica log where its threads are, and end: one may hang."""
        for _, server in self._replicas.values():
            server.process.send_signal(signal.SIGABRT)
            server.process.wait(30)

    def log_of(self, name: str) -> list[str]:
        """The last lines of a replica's log, and of those that were killed in its place."""
        running = self._replicas.get(name)
        return [*self._logged[name], *(running[1].log if running is not None else ())]

    def keep_logs(self, folder: Path) -> None:
        """Write what replicas and the balancer have logged into this folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (folder / f"{name}.log").write_text("".join(f"{line}\n" for line in self.log_of(name)))
        if (balanced := self.folder / "haproxy.log").exists():
            shutil.copy(balanced, folder / "haproxy.log")

    def balance(self) -> None:
        """Start HAProxy with the configuration of deploy/, but for the addresses."""
        program = shutil.which("haproxy", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
        if program is None:
            raise CommandFailed("No haproxy is on this machine.", "Install it: apt-get install haproxy.")
        text = re.sub(r"bind 127\.0\.0\.1:\d+", f"bind 127.0.0.1:{self.port}", CONFIG.read_text())
        for name, address in self.addresses.items():
            text = re.sub(rf"server {name} \S+", f"server {name} {address}", text)
        more = f"global\n    stats socket {self._told} mode 600 level operator\n"
        text = text.replace("global\n", more + ("    user nobody\n" if os.geteuid() == 0 else ""), 1)
        file = self.folder / "haproxy.cfg"
        file.write_text(text)
        log = self._open.enter_context((self.folder / "haproxy.log").open("wb"))
        process = subprocess.Popen([program, "-db", "-f", str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._open.callback(stop, process)

        def answers() -> bool:
            if process.poll() is not None:
                raise CommandFailed(f"HAProxy did not start: {(self.folder / 'haproxy.log').read_text()[-500:]}")
            return ready(self.url)

        until(answers)

    def balanced(self) -> set[str]:
        """Replicas to which the balancer gives requests."""
        with closing(socket.socket(socket.AF_UNIX)) as asking:
            asking.connect(str(self._told))
            asking.sendall(b"show stat\n")
            rows = csv.DictReader(asking.makefile())
            return {one["svname"] for one in rows if one["# pxname"] == "replicas" and one["status"] == "UP"} & {*NAMES}

    def fail_over(self) -> None:
        """The primary is killed (-9) and does not come back; its standby takes over, and gets a standby of its own."""
        old, new = self.primary, self.standby
        if new is None:
            raise LookupError("there is no standby")
        old.kill()
        new.execute("ALTER SYSTEM RESET synchronous_standby_names")  # nobody follows it yet
        new.execute("SELECT pg_reload_conf()")
        new.promote()
        self.primary, self.standby = new, old
        old.follow(new)
        self._wait_for_standby(new)

    def _wait_for_standby(self, primary: Server) -> None:
        """Until the standby follows; then no commit is answered that it lacks."""
        until(lambda: primary.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == [(1,)])
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        until(lambda: primary.execute("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == [(1,)])

    def _close_standby(self) -> None:
        if self.standby is not None:
            self.standby.close()

    def close(self) -> None:
        for stack, _ in self._replicas.values():
            stack.close()
        self._replicas.clear()
        self._open.close()


def ready(url: str) -> bool:
    """Whether a replica, or any behind the balancer, is ready."""
    try:
        return httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def _lasting_port() -> int:
    """One of loopback that no connection is given by chance while who listens on it is away: below those."""
    while True:
        port = random.randrange(10_240, 32_000)
        with closing(socket.socket()) as trying, suppress(OSError):
            trying.bind(("127.0.0.1", port))
            return port
