"""The walk of a request through our own code: modules entered, switches between modules and packages, deepest frames.

    python -m benchmarks.walk [--json]

Serves one photograph in process, indexed and searched, over REST and over Amazon's protocol, and traces every call of a
function of ours in every thread. A figure of the house's plan, not of its speed: fewer switches are less to follow.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

import kenspeckle
from kenspeckle.settings import load

ROOT = str(Path(kenspeckle.__file__).parent) + "/"
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Walk:
    """`modules` are distinct; `switches` are calls and returns that go from one module to another, of which
    `packages` also go to another package; `depth` counts frames of ours on one stack."""

    modules: int
    switches: int
    packages: int
    depth: int


class Trace:
    """What threads do from here on, until the block ends."""

    def __init__(self) -> None:
        self._steps: dict[int, list[str]] = {}
        self._depth = 0

    @contextmanager
    def on(self) -> Any:
        threading.setprofile_all_threads(self._note) if hasattr(threading, "setprofile_all_threads") else None
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield self
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]  # documented: None switches it off

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if event not in ("call", "return"):
            return
        name = frame.f_code.co_filename
        if not name.startswith(ROOT):
            return
        steps = self._steps.setdefault(threading.get_ident(), [])
        back: FrameType | None = frame
        if event == "return":
            back = frame.f_back
            while back is not None and not back.f_code.co_filename.startswith(ROOT):
                back = back.f_back
            if back is None:
                return
        steps.append(back.f_code.co_filename if back is not None else name)
        if event == "call":
            depth = 0
            above: FrameType | None = frame
            while above is not None:
                depth += above.f_code.co_filename.startswith(ROOT)
                above = above.f_back
            self._depth = max(self._depth, depth)

    def walk(self) -> Walk:
        modules: set[str] = set()
        switches = packages = 0
        for steps in self._steps.values():
            modules.update(steps)
            for before, after in zip(steps, steps[1:], strict=False):
                switches += before != after
                packages += _package(before) != _package(after)
        return Walk(len(modules), switches, packages, self._depth)


def _package(file: str) -> str:
    return file.removeprefix(ROOT).partition("/")[0]


def _build(settings: Any) -> Any:
    try:
        from kenspeckle.compose.embedded import build
    except ImportError:  # the code before it had rooms
        from kenspeckle.main import build  # type: ignore[import-not-found,no-redef]
    return build(settings)


def measured() -> dict[str, Walk]:
    """By name of the request; the shortest of some runs, without what only a first request does."""
    photograph = (load().models_dir / "samples" / "grace_hopper.jpg").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        service = _build(load({"data_dir": Path(folder)}))
        try:
            return asyncio.run(_all(service.app, photograph))
        finally:
            service.close()


async def _all(app: Any, photograph: bytes) -> dict[str, Walk]:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:

        def wire(operation: str, **members: object) -> Callable[[], Awaitable[httpx.Response]]:
            body = {"CollectionId": "kenspeckle", "Image": {"Bytes": base64.b64encode(photograph).decode()}, **members}
            headers = {
                "x-amz-target": f"RekognitionService.{operation}",
                "content-type": "application/x-amz-json-1.1",
            }
            return lambda: client.post("/", headers=headers, json=body)

        number = 0

        def indexed() -> Awaitable[httpx.Response]:
            nonlocal number
            number += 1
            return client.put(f"/v1/index/{number}.jpg", content=photograph)

        def indexed_by_wire() -> Awaitable[httpx.Response]:
            nonlocal number
            number += 1
            return wire("IndexFaces", ExternalImageId=f"{number}")()

        requests: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
            "index, REST": indexed,
            "search, REST": lambda: client.post("/v1/search", content=photograph),
            "index, Amazon's protocol": indexed_by_wire,
            "search, Amazon's protocol": wire("SearchFacesByImage"),
        }
        found: dict[str, Walk] = {}
        for name, send in requests.items():
            (await send()).raise_for_status()
            walks = []
            for _ in range(REPEATS):
                trace = Trace()
                with trace.on():
                    answer = await send()
                answer.raise_for_status()
                walks.append(trace.walk())
            found[name] = min(walks, key=lambda walk: walk.switches)
        return found


def main() -> None:
    """Print the walks."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    found = measured()
    if options.parse_args().json:
        print(json.dumps({name: asdict(walk) for name, walk in found.items()}))
        return
    print(f"{'request':28}{'modules':>9}{'switches':>10}{'packages':>10}{'deepest':>9}")
    for name, walk in found.items():
        print(f"{name:28}{walk.modules:9}{walk.switches:10}{walk.packages:10}{walk.depth:9}")


if __name__ == "__main__":
    main()
