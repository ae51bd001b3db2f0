"""Stands in for Lambda's runtime: a process that has the unpacked zip and nothing else, asked through pipes."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

_LOOP = """
import importlib, json, sys, time
sys.path[:0] = [sys.argv[1]]
begun = time.process_time()
module, _, name = sys.argv[2].rpartition(".")
handler = getattr(importlib.import_module(module), name)
print(json.dumps({"import": time.process_time() - begun, "modules": sorted(sys.modules)}), flush=True)

class Context:
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    def __init__(self, seconds):
        self.until = time.monotonic() + seconds
    def get_remaining_time_in_millis(self):
        return int(1000 * (self.until - time.monotonic()))

for line in sys.stdin:
    asked = json.loads(line)
    try:
        told = {"answer": handler(asked["event"], Context(asked["seconds"]))}
    except Exception as error:
        told = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(told), flush=True)
"""
"""As Lambda does it: import once, then one event after the other; what the handler raises fails the invocation."""


class FunctionFailed(Exception):
    """The handler raised; S3 would send its event again."""


@dataclass(frozen=True)
class Function:
    """A function that is ready. `begun` is what its start told: CPU seconds, and the modules that it has imported."""

    process: subprocess.Popen[str]
    begun: Mapping[str, Any]
    log: Path

    def __call__(self, event: Any, seconds: float = 60.0) -> Any:
        """Its answer. Raises FunctionFailed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"event": event, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text("utf-8")
        told = json.loads(line)
        if "error" in told:
            raise FunctionFailed(f"{told['error']}: {told['message']}")
        return told["answer"]

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


@contextmanager
def function(task: Path, handler: str, variables: Mapping[str, str], folder: Path) -> Iterator[Function]:
    """A process with these environment variables and no others, on the unpacked zip without any installed package."""
    log = folder / f"{handler}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", _LOOP, str(task), handler],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={"AWS_LAMBDA_FUNCTION_NAME": "kenspeckle", "HOME": "/nowhere", "TZ": ":UTC", **variables},
            cwd=folder,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, log.read_text("utf-8")
            yield Function(process, json.loads(first), log)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


def here() -> tuple[str, str] | None:
    """Version and architecture of the zip that runs on this machine; None where Lambda has nothing like it."""
    architecture = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (python, architecture) if architecture and sys.platform == "linux" else None


def unpacked(archive: Path, folder: Path) -> Path:
    """The zip's files, as Lambda lays them out before it starts the function."""
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def builder() -> ModuleType:
    """`deploy/lambda_zip.py`, which is a script and no package."""
    import importlib.util

    path = Path(__file__).parents[3] / "deploy" / "lambda_zip.py"
    spec = importlib.util.spec_from_file_location("lambda_zip", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
