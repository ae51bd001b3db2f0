"""Runs an image that `chroot.py` has made as the compose file says, in namespaces of its own; indexes and searches.

`python -m tests.arriving.contained` is the process that has entered them: nothing that listens there is reached from
elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.arriving.chroot import Image, inside
from tests.arriving.containerfile import Service

START_SECONDS = 120.0


def recognized(image: Image, service: Service, photograph: Path, key: str) -> dict[str, Any]:
    """What came of it: `seconds` from the start to the search's answer, `names`, `capabilities`, `user`."""
    told = {
        "image": {**asdict(image), "root": str(image.root)},
        "service": {
            **asdict(service),
            "containerfile": str(service.containerfile),
            "context": str(service.context),
        },
        "photograph": str(photograph),
        "key": key,
    }
    words = ["unshare", "--mount", "--net", sys.executable, "-m", "tests.arriving.contained"]
    done = subprocess.run(words, input=json.dumps(told), capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _enter(image: Image, service: Service) -> None:
    """Mounts as an engine makes them: volumes with what the image has there, the rest read-only."""
    root = image.root
    mounts: list[list[str]] = [["--bind", str(root), str(root)]]
    for number, place in enumerate(service.volumes):
        kept = root.parent / f"volume-{number}"
        subprocess.run(["rm", "-rf", str(kept)], check=True)
        subprocess.run(["cp", "-a", str(root / place.lstrip("/")), str(kept)], check=True)
        mounts.append(["--bind", str(kept), str(root / place.lstrip("/"))])
    mounts += [["-t", "tmpfs", "tmpfs", str(root / place.lstrip("/"))] for place in service.tmpfs]
    mounts += [["-t", "proc", "proc", str(root / "proc")], ["--rbind", "/dev", str(root / "dev")]]
    if service.read_only:
        mounts.append(["-o", "remount,ro,bind", str(root), str(root)])
    for words in mounts:
        subprocess.run(["mount", *words], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _until(holds: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while not holds():
        if server.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"the service does not become healthy; its exit code: {server.poll()}")
        time.sleep(0.1)


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _run(told: dict[str, Any]) -> dict[str, Any]:
    image = Image(**{**told["image"], "root": Path(told["image"]["root"])})
    service = Service(**told["service"])
    _enter(image, service)
    image.environment.update(service.environment)
    begun = time.monotonic()
    os.chdir(image.root)
    server = subprocess.Popen(
        inside(image, [*image.entrypoint, *image.command], privileges=False),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    try:
        _until(
            lambda: not subprocess.run(inside(image, image.health), capture_output=True, check=False).returncode, server
        )
        url, headers = f"http://127.0.0.1:{service.port}", {"x-api-key": told["key"]}

        def ask(method: str, path: str, body: bytes | None = None) -> Any:
            request = urllib.request.Request(url + path, body, headers, method=method)
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())

        _until(lambda: _answers(url + "/readyz"), server)
        photograph = Path(told["photograph"]).read_bytes()
        ask("PUT", "/v1/index/Grace-Hopper.jpg", photograph)
        names = ask("PUT", "/v1/search", photograph)["matchedFaces"]
        seconds = time.monotonic() - begun
        status = _status(server.pid)
        written = subprocess.run(["touch", str(image.root / "written")], capture_output=True, check=False)
    finally:
        server.terminate()
        ended = server.wait(service.grace_seconds)
    return {
        "seconds": seconds,
        "names": names,
        "user": status["Uid"].split()[0],
        "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
        "no_new_privileges": status["NoNewPrivs"] == "1",
        "root_is_read_only": written.returncode != 0,
        "exit_code": ended,
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_run(json.load(sys.stdin))) + "\n")
