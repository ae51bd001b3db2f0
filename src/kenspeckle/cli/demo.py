"""`kenspeckle demo`: recognizes two people on a real server, and shows how."""

from __future__ import annotations

import io
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kenspeckle.cli.failures import FAILED, NEGATIVE, CommandFailed, reported

if TYPE_CHECKING:
    import httpx
    from PIL.Image import Image

    from kenspeckle.cli.contact_sheet import Tile
    from kenspeckle.domain import Box
    from kenspeckle.vision.packs import Samples

SHEET = "people.jpg"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone of the sample photographs. `file` is the name to index under, from which `name` is made."""

    name: str
    file: str
    photograph: Path


@dataclass(slots=True)
class Probe:
    """A photograph to search with, who is on it, and what the server said."""

    title: str
    picture: Image
    expected: list[str]
    found: list[str] = field(default_factory=list)
    similarities: list[float] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    milliseconds: float = 0.0
    remark: str = ""

    @property
    def good(self) -> bool:
        return sorted(self.found) == sorted(self.expected)


@reported(FAILED)
def demo(
    output: Annotated[Path, typer.Option("--output", help="Folder for the picture.", file_okay=False)] = Path(
        "demo-output"
    ),
) -> None:
    """Watch it recognize people: a real server, two photographs indexed, a dozen searched. Exit code 0: all found.

    Data goes to a temporary folder, which is removed at the end.
    """
    from kenspeckle.cli import output as out_

    with _stopped_politely(), tempfile.TemporaryDirectory(prefix="kenspeckle-demo-") as folder:
        people, samples = _people()
        with out_.err().status("Starting the server ..."):
            probes, tiles, seconds = _on_a_server(Path(folder), people, samples)
    _show(probes, seconds)
    sheet = _draw(output, tiles, probes)
    failed = [probe.title for probe in probes if not probe.good]
    out_.say("")
    if failed:
        out_.say(f"{len(failed)} of {len(probes)} not as expected: {'; '.join(failed)}.", "red")
    else:
        out_.say(f"All {len(probes)} as expected.", "green")
    out_.say(f"Picture with boxes and names: {sheet}")
    _go_on(people)
    if failed:
        raise typer.Exit(NEGATIVE)


def _people() -> tuple[list[Person], Samples]:
    """The two people; fetches what `kenspeckle models pull --samples` did not. Raises where the pack is missing."""
    from kenspeckle import settings as settings_
    from kenspeckle.cli.output import err
    from kenspeckle.vision import packs

    settings = settings_.load()
    packs.find(settings.models_dir, settings.pack)
    with err().status("Looking for the sample photographs ...") as status:
        samples = packs.samples(settings.models_dir, lambda what, done, total: status.update(f"{what} ..."))
    people = [
        Person("Grace Hopper", "Grace-Hopper.jpg", samples.grace_hopper),
        Person("Eileen Collins", "Eileen-Collins.png", samples.astronaut),
    ]
    return people, samples


def _on_a_server(folder: Path, people: list[Person], samples: Samples) -> tuple[list[Probe], list[Tile], float]:
    """(probes with their answers, tiles of the indexed photographs, seconds until the server was ready)."""
    import httpx

    from kenspeckle.cli.contact_sheet import Tile
    from kenspeckle.cli.launch import launched
    from kenspeckle.cli.output import say
    from kenspeckle.cli.remote_shapes import box_of
    from kenspeckle.cli.variations import opened, side_by_side, variations

    start = time.perf_counter()
    with launched(folder) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        seconds = time.perf_counter() - start
        say(f"Server on {server.url}, ready after {seconds:.1f} s.")
        tiles, probes, portraits = [], [], []
        for person in people:
            data = person.photograph.read_bytes()
            answer, took = _ask(lambda: client.put(f"/v1/index/{person.file}", content=data))  # noqa: B023 - called at once
            records = answer.get("FaceRecords", [])
            if not records:
                raise CommandFailed(f"No face was found on the photograph of {person.name}.")
            picture, face = opened(data), box_of(records[0]["Face"]["BoundingBox"])
            say(f"Indexed {person.name} in {took:.0f} ms.")
            tiles.append(Tile(picture, [face], person.name, f"indexed in {took:.0f} ms"))
            portraits.append(picture)
            probes += [Probe(f"{person.name}, {what}", one, [person.name]) for what, one in variations(picture, face)]
        probes.append(Probe("both, side by side", side_by_side(portraits), [person.name for person in people]))
        probes.append(Probe("a cup of coffee", opened(samples.coffee.read_bytes()), []))
        probes.append(Probe("a rocket", opened(samples.rocket.read_bytes()), []))
        for probe in _progress(probes):
            _search(client, probe)
    return probes, tiles, seconds


def _search(client: httpx.Client, probe: Probe) -> None:
    """Search every face of the probe and write down what the server says."""
    from kenspeckle.cli.remote_shapes import box_of
    from kenspeckle.cli.variations import jpeg
    from kenspeckle.domain import display_name

    data = jpeg(probe.picture)
    answer, probe.milliseconds = _ask(lambda: client.post("/v1/search", params={"all_faces": "true"}, content=data))
    if answer.get("code") == "no_face":
        probe.remark = "no face in it"
    for face in answer.get("searches", []):
        probe.boxes.append(box_of(face["SearchedFaceBoundingBox"]))
        for match in face["FaceMatches"][:1]:
            probe.found.append(display_name(match["Face"]["ExternalImageId"]))
            probe.similarities.append(match["Similarity"])


def _ask(request: Callable[[], httpx.Response]) -> tuple[dict[str, Any], float]:
    """(answer, milliseconds from the first byte sent to the last received). Raises CommandFailed for what is neither
    an answer nor the news that there is no face."""
    start = time.perf_counter()
    response = request()
    took = 1000 * (time.perf_counter() - start)
    answer = response.json()
    if not isinstance(answer, dict) or (response.is_error and answer.get("code") != "no_face"):
        raise CommandFailed(f"The server answered {response.status_code}: {response.text[:300]}")
    return answer, took


def _progress(probes: list[Probe]) -> Iterator[Probe]:
    from rich.progress import track

    from kenspeckle.cli.output import err

    yield from track(probes, "Searching", console=err(), transient=True, disable=not err().is_terminal)


def _show(probes: list[Probe], seconds: float) -> None:
    from kenspeckle.cli import output

    rows = [
        (
            probe.title,
            ", ".join(probe.found) or probe.remark or "nobody",
            ", ".join(f"{one:.2f}" for one in probe.similarities),
            f"{probe.milliseconds:.0f}",
            "yes" if probe.good else "NO",
        )
        for probe in probes
    ]
    output.say("")
    output.table(("photograph", "who was found", "similarity", "ms", "as expected"), rows, numbers=("similarity", "ms"))


def _draw(folder: Path, tiles: list[Tile], probes: list[Probe]) -> Path:
    from kenspeckle.cli.contact_sheet import Tile, contact_sheet

    tiles = list(tiles)
    for probe in probes:
        pairs = zip(probe.found, probe.similarities, strict=True)
        caption = ", ".join(f"{name} {similarity:.1f}" for name, similarity in pairs) or probe.remark or "nobody"
        tiles.append(Tile(probe.picture, probe.boxes, probe.title, caption, probe.good))
    file = io.BytesIO()
    contact_sheet("Indexed (blue), then searched", tiles).save(file, "JPEG", quality=90)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SHEET).write_bytes(file.getvalue())
    return folder / SHEET


def _go_on(people: list[Person]) -> None:
    from kenspeckle.cli.output import say

    first = people[0]
    say("")
    say("Go on with your own photographs:", "bold")
    say("  make serve            (or: kenspeckle serve)")
    say(f"  curl -T {first.photograph} http://127.0.0.1:8080/v1/index/{first.file}")
    say(f"  curl --data-binary @{first.photograph} http://127.0.0.1:8080/v1/search")
    say("  kenspeckle index FOLDER && kenspeckle search PHOTOGRAPH")
    say("  http://127.0.0.1:8080/docs")


@contextmanager
def _stopped_politely() -> Iterator[None]:
    """SIGTERM unwinds like Ctrl-C, so that the server is stopped and the folder removed."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
