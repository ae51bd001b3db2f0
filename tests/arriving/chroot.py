"""Carries out the steps of the Containerfile in folders that debootstrap fills, where there is no engine for images.

Debian's Python stands for the image that it begins with. Needs root, debootstrap and a Debian mirror."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.arriving.containerfile import Stage, stages

SUITE = "bookworm"
PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSED_ON = re.compile(r"PIP_(?!FIND_LINKS)\w+|(https?|no|all)_proxy|SSL_CERT_FILE|REQUESTS_CA_BUNDLE", re.IGNORECASE)
"""What says how this machine reaches its package index."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass
class Image:
    """What the last stage leaves: a root, and how it is started."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = "0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    @property
    def group(self) -> str:
        """The group of the user, as the image's own list has it."""
        for line in (self.root / "etc" / "passwd").read_text("utf-8").splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if self.user in (name, uid):
                return gid
        return self.user


def base(folder: Path) -> Path:
    """A Debian with Python, made once."""
    root = folder / "base"
    if not root.joinpath(".complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), mirror()]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        root.joinpath(".complete").touch()
    for file in (Path("/etc/resolv.conf"), CERTIFICATES):
        if file.exists():
            shutil.copy(file, root / file.relative_to("/"))
    return root


def mirror() -> str:
    """The mirror that this machine's apt uses."""
    for file in (*Path("/etc/apt").glob("sources.list.d/*"), Path("/etc/apt/sources.list")):
        found = re.search(r"(https?://\S+/debian)/?\s", file.read_text("utf-8")) if file.is_file() else None
        if found:
            return found[1]
    return "http://deb.debian.org/debian"


def build(file: Path, context: Path, start: Path, into: Path, tell: Callable[[str, float], None]) -> Image:
    """The image of a Containerfile; `tell` hears of each step and its seconds. Raises CalledProcessError."""
    made: dict[str, Path] = {}
    image = Image(into)
    for stage in stages(file.read_text("utf-8")):
        root = made[stage.name] = into / stage.name
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(start), str(root)], check=True)
        image = Image(root)
        for step in stage.steps:
            begun = time.monotonic()
            if step.instruction == "COPY":
                _copy(step.words(), context, made, root)
            elif step.instruction == "RUN":
                _run(image, step.argument)
            elif step.instruction == "ENV":
                for word in step.words():
                    name, _, value = word.partition("=")
                    image.environment[name] = value.replace("$PATH", image.environment["PATH"])
            elif step.instruction == "USER":
                image.user = step.argument
            if step.instruction in ("COPY", "RUN"):
                tell(f"{step.instruction} {step.argument}", time.monotonic() - begun)
        _says(image, stage)
    return image


def inside(image: Image, words: list[str], *, privileges: bool = True) -> list[str]:
    """The words of a command in the image, as its user; without `privileges` it can't gain any either."""
    kept = [f"{name}={value}" for name, value in image.environment.items()]
    chosen = ["--reuid", image.user, "--regid", image.group, "--clear-groups"]
    bound = [] if privileges else ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    return ["chroot", str(image.root), "setpriv", *chosen, *bound, "env", "-i", *kept, *words]


def _copy(words: list[str], context: Path, made: dict[str, Path], root: Path) -> None:
    source = context
    if words[0].startswith("--from="):
        source = made[words.pop(0).removeprefix("--from=")]
    *names, target = words
    there = root / target.lstrip("/")
    for name in names:
        one = source / name.lstrip("/")
        if one.is_dir():  # its content, as engines do
            there.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", "--reflink=auto", f"{one}/.", str(there)], check=True)
        else:
            place = there / one.name if target.endswith("/") else there
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one, place)


def _run(image: Image, command: str) -> None:
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    there = Image(image.root, {**image.environment, **passed}, image.user)
    subprocess.run(inside(there, ["sh", "-c", command]), check=True, stdin=subprocess.DEVNULL)


def _says(image: Image, stage: Stage) -> None:
    for name, instruction in (("entrypoint", "ENTRYPOINT"), ("command", "CMD")):
        step = stage.says(instruction)
        setattr(image, name, step.words() if step else [])
    health = stage.says("HEALTHCHECK")
    if health:
        options, _, command = health.argument.partition("CMD ")
        assert all(one.startswith("--") for one in shlex.split(options)), options
        image.health = Stage("", "", (type(health)("CMD", command.strip()),)).steps[0].words()
