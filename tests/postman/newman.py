"""Runs the Postman collection from the command line, as its users do: newman, from npm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kenspeckle import settings
from tests import npm

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "docs" / "postman"
COLLECTION = KEPT / "kenspeckle.postman_collection.json"


def requests() -> Iterator[Any]:
    """Every request of the collection, in the order in which they are sent."""
    for folder in json.loads(COLLECTION.read_text("utf-8"))["item"]:
        yield from folder["item"]


@dataclass(frozen=True)
class Newman:
    program: Path

    @classmethod
    def installed(cls) -> Self:
        """Skips the test where npm can't install it."""
        return cls(npm.installed(HERE) / "node_modules" / ".bin" / "newman")

    def run(self, environment: str, folder: Path, *more: str, **variables: str) -> tuple[int, Any]:
        """Exit status and report of a run with an environment, in which `variables` have other values."""
        report = folder / "report.json"
        words = [str(self.program), "run", str(COLLECTION), *more]
        words += ["--environment", str(KEPT / f"{environment}.postman_environment.json")]
        words += [word for name, value in variables.items() for word in ("--env-var", f"{name}={value}")]
        words += ["--working-dir", str(settings.load(environ={}).models_dir / "samples")]
        words += ["--reporters", "json", "--reporter-json-export", str(report)]
        environ = npm.node().environment
        done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=90, check=False)
        return done.returncode, json.loads(report.read_text("utf-8"))["run"]


def failures(run: Any) -> list[tuple[str, str]]:
    """What failed in a run: the request, and why."""
    return [(one["source"]["name"], one["error"]["message"]) for one in run["failures"]]
