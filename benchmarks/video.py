"""A minute of video with five people: how long it takes, how much memory, and who is found.

The video is made of photographs in a folder per person (five of them, one photograph each is indexed and others are
shown): they move, blur, meet, and there are cuts. Goals: half of the video's length on two cores, every person that is
in sight for a second found with the right name and nobody else, memory that does not grow.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageFilter

from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import Appearance, VideoSource
from kenspeckle.domain import operations as ops
from kenspeckle.settings import load

SIZE = (1280, 720)
RATE = 25
SHOT = 4.0
"""Seconds between two cuts."""
LEAST_MS = 1000
"""Milliseconds in sight from which a person has to be found."""
HOME = "kenspeckle"
GROUNDS = ("#445566", "#887755", "#335533", "#999999")

Cast = tuple[tuple[str, int, float, float], ...]
"""Who: name, number of the photograph, left, top."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("photographs", type=Path, help="a folder with a folder per person")
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--times", type=int, default=3)
    chosen = options.parse_args()
    for name, value in run(chosen.photographs, chosen.seconds, chosen.times).items():
        print(f"{name}: {value}")


def run(photographs: Path, seconds: int, times: int) -> dict[str, Any]:
    people = sorted(one for one in photographs.iterdir() if one.is_dir())[:5]
    shown = {one.name: sorted(one.iterdir()) for one in people}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        wanted = make(path, shown, seconds)
        service = build(load({"data_dir": Path(folder) / "data", "host": "127.0.0.1"}, environ=dict(os.environ)))
        assert isinstance(service, Service)
        try:
            for name, pictures in shown.items():
                asked = ops.IndexFaces(collection_id=HOME, image=pictures[0].read_bytes(), external_image_id=name)
                service.recognizer.handle(asked)
            runs = [_measured(service, path) for _ in range(times)]
        finally:
            service.close()
    runs.sort(key=lambda one: one["seconds"])
    middle = runs[len(runs) // 2]
    return {
        "length, s": seconds,
        "time, s": round(middle["seconds"], 1),
        "time over length": round(middle["seconds"] / seconds, 3),
        "processor time of both processes over length": round(middle["processor"] / seconds, 3),
        "memory over a run, MB": [round(one / 2**20) for one in middle["memory"]],
        **_judged(middle["appearances"], wanted),
    }


def _measured(service: Service, path: Path) -> dict[str, Any]:
    source = VideoSource(path=str(path))
    with _watched() as memory:
        began, used = time.perf_counter(), _processor()
        job = service.recognizer.handle(ops.StartVideo(collection_id=HOME, source=source))
        ended = service.jobs.run_one(job.job_id, patience=0)
        seconds = time.perf_counter() - began
    assert ended.error == "", ended.error
    found = service.recognizer.handle(ops.ListAppearances(job_id=job.job_id, limit=1000)).appearances
    return {"seconds": seconds, "processor": _processor() - used, "appearances": found, "memory": _parts(memory)}


def _judged(found: tuple[Appearance, ...], wanted: list[tuple[str, float, float]]) -> dict[str, Any]:
    """How many who had to be found were, and who was found who was not there."""
    named = [(one.matches[0].face.external_image_id, one.first_ms, one.last_ms) for one in found if one.matches]
    least = [one for one in wanted if one[2] - one[1] >= LEAST_MS]
    missed = [one for one in least if not any(_same(one, other) for other in named)]
    wrong = [one for one in named if not any(_same(one, other) for other in wanted)]
    return {"in sight for a second": len(least), "missed": missed, "wrong": wrong, "appearances": len(found)}


def _same(one: tuple[str | None, float, float], other: tuple[str | None, float, float]) -> bool:
    """The same name, in sight at the same time."""
    return one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]


def make(path: Path, shown: dict[str, list[Path]], seconds: int) -> list[tuple[str, float, float]]:
    """The video at `path`; who is in sight from when to when, in milliseconds."""
    av: Any = importlib.import_module("av")
    shots = _shots(list(shown))
    wanted: list[tuple[str, float, float]] = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        number = 0
        while number < seconds * RATE:
            cast, picture = next(shots)
            until = min(number + round(SHOT * RATE), seconds * RATE)
            wanted += [(name, 1000 * number / RATE, 1000 * until / RATE) for name, *_ in cast]
            faces = {one: _face(shown, *one[:2]) for one in cast}
            for at in range(until - number):
                frame = av.VideoFrame.from_image(picture(faces, at / RATE))
                frame.pts, frame.time_base = number + at, Fraction(1, RATE)
                container.mux(stream.encode(frame))
            number = until
        container.mux(stream.encode())
    return wanted


def _face(shown: dict[str, list[Path]], name: str, number: int) -> Image.Image:
    pictures = shown[name]
    with Image.open(pictures[1 + number % (len(pictures) - 1)]) as picture:  # the first one is indexed
        return picture.convert("RGB")


Picture = Callable[[dict[Any, Image.Image], float], Image.Image]


def _shots(names: list[str]) -> Iterator[tuple[Cast, Picture]]:
    """Scenes without end, with other photographs each time."""
    for turn in itertools.count():
        a, b, c, d, e = (names[(number + turn) % len(names)] for number in range(5))
        yield ((a, turn, 300, 200), (b, turn, 700, 150)), _scene(0, 300, 0, 60)
        yield ((c, turn, 200, 100), (d, turn + 1, 600, 200), (e, turn + 2, 950, 150)), _scene(1, 260, 1.5, 60)
        everybody = tuple((name, turn + 3, 30.0 + 250 * number, 200.0) for number, name in enumerate((a, b, c, d, e)))
        yield everybody, _scene(2, 240, 0, 20)
        yield ((d, turn + 4, 400, 100),), _scene(3, 420, 2.5, 120)
        yield ((b, turn + 5, 100, 60), (a, turn + 5, 700, 300)), _scene(0, 200, 0.7, 90)


def _scene(ground: int, height: int, blur: float, speed: float) -> Picture:
    def picture(faces: dict[Any, Image.Image], at: float) -> Image.Image:
        image = Image.new("RGB", SIZE, GROUNDS[ground])
        for number, ((_, _, left, top), face) in enumerate(faces.items()):
            scaled = face.resize((round(face.width * height / face.height), height))
            side = left + speed * at * (1 if number % 2 else -1)
            image.paste(scaled, (round(side), round(top + 30 * math.sin(2 * at + number))))
        return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image

    return picture


def _processor() -> float:
    """Seconds of this process and of children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@contextmanager
def _watched() -> Iterator[list[int]]:
    """Resident memory of this process and its children, ten times a second."""
    seen: list[int] = []
    stop, me = threading.Event(), psutil.Process()

    def watch() -> None:
        while not stop.wait(0.1):
            total = me.memory_info().rss
            for child in me.children():
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue
            seen.append(total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _parts(memory: list[int]) -> list[int]:
    """The highest in each fifth of the run."""
    size = max(1, len(memory) // 5)
    return [max(memory[start : start + size]) for start in range(0, size * 5, size) if memory[start : start + size]]


if __name__ == "__main__":
    main()
