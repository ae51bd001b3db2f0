"""Watches what a process tells to anyone outside: look-ups, connections, and what is left in its user's folders.

Three things are watched, since no single one sees everything without special rights: a proxy that all common clients
take from the environment, native ones too; Python's own look-ups and connections, by an audit hook in every Python
process; and the sockets of the processes as the kernel lists them (Linux).
"""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

CI = (
    "CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "TRAVIS", "JENKINS_URL", "CODEBUILD_BUILD_ID",
    "BUILDKITE", "TEAMCITY_VERSION", "APPVEYOR", "BITBUCKET_BUILD_NUMBER",
)  # fmt: skip
"""Variables by which libraries see that they run in a CI, where they report nothing: a watched process has none."""

SWITCHES = ("ORT_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED", "DO_NOT_TRACK")
"""Set in this process already, by the package; a watched process has to set its own."""

AGAIN = 5
"""Looks at a process after which it is none of ours; a child has its parent's environment until it runs its program."""

_HOOK = """
import os, sys
def _heard(event, told):
    if event == "socket.getaddrinfo":
        host = told[0]
    elif event == "socket.connect":
        host = told[1][0] if isinstance(told[1], tuple) else "localhost"
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in (None, "", "localhost", "::1") and not host.startswith("127."):
        with open(os.environ["OUTWARD_LOG"], "a") as log:
            log.write(f"{event} {host}\\n")
sys.addaudithook(_heard)
"""


@dataclass
class Watch:
    """`environment` is for the process to be watched; `seen` is what it has told so far, empty for nothing."""

    folder: Path
    environment: dict[str, str]
    heard: list[str] = field(default_factory=list)

    def seen(self) -> list[str]:
        log = self.folder / "python.log"
        python = log.read_text().splitlines() if log.exists() else []
        home = self.folder / "home"
        files = [f"file {one.relative_to(home)}" for one in sorted(home.rglob("*")) if one.is_file()]
        return sorted({*self.heard, *python, *files})


@contextmanager
def watched(folder: Path) -> Iterator[Watch]:
    """A place to start processes from which all that goes outward is noted."""
    for name in ("home", "hook"):
        (folder / name).mkdir(parents=True)
    (folder / "hook" / "sitecustomize.py").write_text(_HOOK)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.05)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        environment = {name: value for name, value in os.environ.items() if name not in (*CI, *SWITCHES)}
        environment |= {
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "home" / ".cache"),
            "PYTHONPATH": str(folder / "hook"),
            "OUTWARD_LOG": str(folder / "python.log"),
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"), address),
            "no_proxy": "127.0.0.1,localhost",
        }
        watch = Watch(folder, environment)
        ended = threading.Event()
        eyes = [
            threading.Thread(target=_listen, args=(proxy, watch, ended)),
            threading.Thread(target=_look, args=(watch, ended)),
        ]
        for eye in eyes:
            eye.start()
        try:
            yield watch
        finally:
            ended.set()
            for eye in eyes:
                eye.join()


def _listen(proxy: socket.socket, watch: Watch, ended: threading.Event) -> None:
    while not ended.is_set():
        with suppress(TimeoutError, OSError):
            client, _ = proxy.accept()
            with client:
                client.settimeout(2)
                line = client.recv(4096).partition(b"\r\n")[0]
                watch.heard.append(f"proxy {line.decode(errors='replace')}")


def _look(watch: Watch, ended: threading.Event) -> None:
    """Sockets of the processes that have our folder in their environment."""
    mark = f"OUTWARD_LOG={watch.environment['OUTWARD_LOG']}".encode()
    strangers: Counter[str] = Counter()
    while not ended.wait(0.05):
        for process in Path("/proc").glob("[0-9]*"):
            if strangers[process.name] == AGAIN:
                continue
            with suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    watch.heard += _far(process)
                else:
                    strangers[process.name] += 1


def _far(process: Path) -> Iterator[str]:
    """Sockets of a process that are connected to another machine."""
    own = set()
    for one in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            own.add(str(one.readlink()))
    for kind in ("tcp", "udp", "tcp6", "udp6"):
        for line in (process / "net" / kind).read_text().splitlines()[1:]:
            columns = line.split()
            host, _, port = columns[2].partition(":")
            words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8)]
            address = ip_address(b"".join(words))
            plain = getattr(address, "ipv4_mapped", None) or address
            if f"socket:[{columns[9]}]" in own and not (plain.is_loopback or plain.is_unspecified):
                yield f"{kind} {plain}:{int(port, 16)}"
