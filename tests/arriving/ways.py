"""`make arriving`: every documented way from a bare machine with Python to the first recognized photograph, timed.

python -m tests.arriving.ways [clone] [wheel] [container]: each in folders of its own below build/arriving, with nothing
cached but, for `container`, the Debian that stands for the base image. `container` needs root and debootstrap."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kenspeckle.models import install
from kenspeckle.settings import load
from tests.arriving import chroot, contained, containerfile

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "arriving"
MOST_COMMANDS = 5
MOST_SECONDS = 180
KEY = "a-long-key-that-nobody-guesses-0123456789"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Way:
    """A fresh folder with a home of its own; counts commands and seconds."""

    def __init__(self, name: str) -> None:
        self.name, self.commands, self.seconds = name, 0, 0.0
        self.folder = FOLDER / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        say(f"== {name}")

    def __call__(self, command: str, cwd: Path | None = None) -> str:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("KENSPECKLE_", "MAKE", "PYTHON"))
        }
        # Packs lie in a folder of the way's own: root would put them where all users find them, the next way too.
        home = {"HOME": str(self.folder), "KENSPECKLE_MODELS_DIR": str(self.folder / "models")}
        used, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=cwd or self.folder,
            env={**kept, **home},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        self.add(command, seconds, f", {cpu:.0f} s of CPU")
        if done.returncode:
            raise SystemExit(f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout

    def add(self, what: str, seconds: float, more: str = "", commands: int = 1) -> None:
        self.commands += commands
        self.seconds += seconds
        say(f"  {seconds:6.1f} s{more}  {what[:150]}")

    def ends(self) -> str:
        return f"{self.name:<12}{self.commands:>9}{self.seconds:>9.0f}"


def photograph() -> Path:
    return install.samples(load(environ={}).models_dir, lambda *_: None).grace_hopper


def clone() -> list[Way]:
    way = Way("clone")
    way(f"git clone --quiet {ROOT} kenspeckle")
    printed = way("make demo", way.folder / "kenspeckle")
    assert "as expected" in printed, printed
    return [way]


def wheel() -> list[Way]:
    way = Way("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", way.folder / "dist", ROOT],
        check=True,
    )
    way("python3 -m venv env")
    way("env/bin/pip install --quiet --no-compile dist/kenspeckle-*.whl")
    way("env/bin/kenspeckle models pull")
    shutil.copy(photograph(), way.folder / "Grace-Hopper.jpg")
    way("env/bin/kenspeckle index Grace-Hopper.jpg")
    printed = way("env/bin/kenspeckle search Grace-Hopper.jpg")
    assert "Grace Hopper" in printed, printed
    return [way]


def container() -> list[Way]:
    """What `podman build` and `podman run` do, and what `podman-compose up` does, which builds the same image."""
    service = containerfile.service(ROOT / "deploy" / "compose.yaml", {"KENSPECKLE_ADMIN_KEY": KEY})
    begun = time.monotonic()
    start = chroot.base(FOLDER)
    say(f"== a Debian in the place of the base image: {time.monotonic() - begun:.0f} s")
    ways = [Way("container"), Way("compose")]
    first, second = ways

    def tell(what: str, seconds: float) -> None:
        first.add(what, seconds, commands=0)
        second.seconds += seconds

    image = chroot.build(service.containerfile, service.context, start, first.folder, tell)
    first.commands += 1  # podman build; podman-compose up does it and runs
    for way in ways:
        found = contained.recognized(image, service, photograph(), KEY)
        # podman run, or podman-compose up; and two requests by curl.
        way.add(f"started, indexed and found: {found}", found.pop("seconds"), commands=3)
        assert found == {
            "names": ["Grace Hopper"],
            "user": "10001",
            "capabilities": 0,
            "no_new_privileges": True,
            "root_is_read_only": True,
            "exit_code": 0,
        }, found
    return ways


WAYS: dict[str, Callable[[], list[Way]]] = {"clone": clone, "wheel": wheel, "container": container}


def main() -> int:
    done = [one for name in sys.argv[1:] or list(WAYS) for one in WAYS[name]()]
    say(f"\n{'way':<12}{'commands':>9}{'seconds':>9}")
    for one in done:
        say(one.ends())
    return int(any(one.commands > MOST_COMMANDS or one.seconds > MOST_SECONDS for one in done))


if __name__ == "__main__":
    sys.exit(main())
