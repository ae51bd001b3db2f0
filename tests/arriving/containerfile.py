"""Reads deploy/Containerfile and deploy/compose.yaml: stages with their steps, and how the service is run. What they
use and `chroot.py` does not know is an error, so that no step is passed over."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

STEPS = frozenset({"COPY", "RUN", "ENV", "USER"})
SAYS = frozenset({"VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"})
SERVICE = frozenset(
    {"build", "environment", "ports", "volumes", "read_only", "tmpfs", "cap_drop", "security_opt", "stop_grace_period"}
)
LEFT_OUT = frozenset({"restart"})
"""Of the compose file: what an engine does after the service has ended."""


@dataclass(frozen=True)
class Step:
    """One instruction, continued lines joined."""

    instruction: str
    argument: str

    def words(self) -> list[str]:
        """Of a form with brackets, or of options and arguments."""
        if self.argument.startswith("["):
            return [str(one) for one in yaml.safe_load(self.argument)]
        return shlex.split(self.argument)


@dataclass(frozen=True)
class Stage:
    """`base` is the image that it begins with."""

    name: str
    base: str
    steps: tuple[Step, ...]

    def says(self, instruction: str) -> Step | None:
        """The last such instruction."""
        return next((one for one in reversed(self.steps) if one.instruction == instruction), None)


def stages(text: str) -> list[Stage]:
    """Raises ValueError for an instruction that nobody here carries out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found: list[Stage] = []
    for line in re.sub(r"\\\n", "", lines).splitlines():
        if not line.strip():
            continue
        instruction, _, argument = line.strip().partition(" ")
        step = Step(instruction.upper(), argument.strip())
        if step.instruction == "FROM":
            base, *named = step.words()
            found.append(Stage(named[1] if named else str(len(found)), base, ()))
        elif step.instruction in STEPS | SAYS:
            last = found[-1]
            found[-1] = Stage(last.name, last.base, (*last.steps, step))
        else:
            raise ValueError(f"{step.instruction} is not carried out by tests/arriving/chroot.py: teach it.")
    return found


@dataclass(frozen=True)
class Service:
    """The one service of the compose file, with what a `podman run` would be told."""

    containerfile: Path
    context: Path
    environment: Mapping[str, str]
    read_only: bool
    tmpfs: tuple[str, ...]
    volumes: tuple[str, ...]
    """Paths in the container."""
    no_capabilities: bool
    no_new_privileges: bool
    port: int
    grace_seconds: int


def service(file: Path, environment: Mapping[str, str]) -> Service:
    """`environment` fills in what the file asks for. Raises ValueError where that is missing, or a key is unknown."""
    ((_, told),) = yaml.safe_load(file.read_text("utf-8"))["services"].items()
    unknown = set(told) - SERVICE - LEFT_OUT
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} of {file.name}: tests/arriving does not know it.")
    (port,) = told["ports"]
    build: Mapping[str, str] = told["build"]
    return Service(
        containerfile=(file.parent / build["context"] / build["dockerfile"]).resolve(),
        context=(file.parent / build["context"]).resolve(),
        environment={name: _filled(str(value), environment) for name, value in told["environment"].items()},
        read_only=bool(told.get("read_only")),
        tmpfs=tuple(told.get("tmpfs", ())),
        volumes=tuple(str(one).split(":")[1] for one in told.get("volumes", ())),
        no_capabilities=told.get("cap_drop") == ["ALL"],
        no_new_privileges="no-new-privileges:true" in told.get("security_opt", ()),
        port=int(str(port).rsplit(":", 1)[1]),
        grace_seconds=int(str(told["stop_grace_period"]).removesuffix("s")),
    )


def _filled(value: str, environment: Mapping[str, str]) -> str:
    def fill(found: re.Match[str]) -> Any:
        if found[1] not in environment:
            raise ValueError(f"{found[1]}: {found[2]}")
        return environment[found[1]]

    return re.sub(r"\$\{(\w+):\?([^}]*)\}", fill, value)
