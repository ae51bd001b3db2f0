"""`kenspeckle demo`: recognizes two people on a real server, and shows how."""

from __future__ import annotations

import io
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from PIL.Image import Image
from rich.progress import track

from kenspeckle import settings as settings_
from kenspeckle.cli import output
from kenspeckle.cli import output as out_
from kenspeckle.cli.contact_sheet import Tile, contact_sheet
from kenspeckle.cli.failures import FAILED, NEGATIVE, report_errors
from kenspeckle.cli.launch import launch
from kenspeckle.cli.output import err, say
from kenspeckle.cli.variations import jpeg, open_upright, side_by_side, variations
from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Box, display_name
from kenspeckle.models import registry
from kenspeckle.models.registry import Samples
from kenspeckle.shapes.load import box

if TYPE_CHECKING:
    import httpx


SHEET = "people.jpg"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone of the sample photographs. `file` is the name to index under, from which `name` is made."""

    name: str
    file: str
    photograph: Path


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person's indexed photograph and where its face is."""

    person: Person
    picture: Image
    face: Box
    milliseconds: float


@dataclass(slots=True)
class Probe:
    """A photograph to search with, the people in it, and the server's answer."""

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


@report_errors(FAILED)
def demo(
    output: Annotated[Path, typer.Option("--output", help="Folder for the picture.", file_okay=False)] = Path(
        "demo-output"
    ),
) -> None:
    """Demonstrate recognition: a real server, two photographs indexed, a dozen searched. Exit code 0: all found.

    Data goes to a temporary folder, which is removed at the end.
    """

    with _stoppable(), tempfile.TemporaryDirectory(prefix="kenspeckle-demo-") as folder:
        people, samples = _people()
        enrolled, probes = _on_a_server(Path(folder), people, samples)
    _show(probes)
    sheet = _draw(output, enrolled, probes)
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

    from kenspeckle.models import install  # late: brings the ONNX library, which no other command needs

    settings = settings_.load()
    registry.find(settings.models_dir, settings.pack)
    with err().status("Looking for the sample photographs ...") as status:
        samples = install.samples(settings.models_dir, lambda what, done, total: status.update(f"{what} ..."))
    people = [
        Person("Grace Hopper", "Grace-Hopper.jpg", samples.grace_hopper),
        Person("Eileen Collins", "Eileen-Collins.png", samples.astronaut),
    ]
    return people, samples


def _on_a_server(folder: Path, people: list[Person], samples: Samples) -> tuple[list[Enrolled], list[Probe]]:
    """Start a server, index one photograph of each, search all others; what became of it."""
    import httpx  # late: it takes a quarter of a second, which help need not wait for

    start = time.perf_counter()
    with ExitStack() as stack:
        with err().status("Starting the server ..."):
            server = stack.enter_context(launch(folder, settings=_models()))
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=60, trust_env=False))
        say(f"Server on {server.url}, ready after {time.perf_counter() - start:.1f} s.")
        enrolled = [_index(client, person) for person in people]
        probes = [
            Probe(f"{one.person.name}, {what}", picture, [one.person.name])
            for one in enrolled
            for what, picture in variations(one.picture, one.face)
        ]
        both = side_by_side([one.picture for one in enrolled])
        probes.append(Probe("both, side by side", both, [one.name for one in people]))
        probes.append(Probe("a cup of coffee", open_upright(samples.coffee.read_bytes()), []))
        probes.append(Probe("a rocket", open_upright(samples.rocket.read_bytes()), []))
        for probe in _progress(probes):
            _search(client, probe)
    return enrolled, probes


def _index(client: httpx.Client, person: Person) -> Enrolled:
    """Index the person's photograph. Raises CommandFailed where no face was found."""

    data = person.photograph.read_bytes()
    answer, took = _ask(lambda: client.put(f"/v1/index/{person.file}", content=data))
    records = answer.get("FaceRecords", [])
    if not records:
        raise CommandFailed(
            f"No face was found on the photograph of {person.name}.", "Check the weights: kenspeckle models verify"
        )
    say(f"Indexed {person.name} in {took:.0f} ms.")
    return Enrolled(person, open_upright(data), box(records[0]["Face"]["BoundingBox"]), took)


def _models() -> dict[str, str]:
    """Where the models lie, and which: all that the server shares with this machine's settings."""

    settings = settings_.load()
    return {"KENSPECKLE_MODELS_DIR": str(settings.models_dir), "KENSPECKLE_PACK": settings.pack}


def _search(client: httpx.Client, probe: Probe) -> None:
    """Search every face of the probe and record the answer."""

    data = jpeg(probe.picture)
    answer, probe.milliseconds = _ask(lambda: client.post("/v1/search", params={"all_faces": "true"}, content=data))
    if answer.get("code") == "no_face":
        probe.remark = "no face in it"
    for face in answer.get("searches", []):
        probe.boxes.append(box(face["SearchedFaceBoundingBox"]))
        for match in face["FaceMatches"][:1]:
            probe.found.append(display_name(match["Face"]["ExternalImageId"]))
            probe.similarities.append(match["Similarity"])


def _ask(request: Callable[[], httpx.Response]) -> tuple[dict[str, Any], float]:
    """(answer, milliseconds from the first byte sent to the last received). Raises CommandFailed for any error but
    `no_face`."""
    start = time.perf_counter()
    response = request()
    took = 1000 * (time.perf_counter() - start)
    answer = response.json()
    if not isinstance(answer, dict) or (response.is_error and answer.get("code") != "no_face"):
        raise CommandFailed(f"The server answered {response.status_code}: {response.text[:300]}")
    return answer, took


def _progress(probes: list[Probe]) -> Iterator[Probe]:

    yield from track(probes, "Searching", console=err(), transient=True, disable=not err().is_terminal)


def _show(probes: list[Probe]) -> None:

    rows = [
        (
            probe.title,
            "\n".join(probe.found) or probe.remark or "nobody",
            "\n".join(f"{one:.2f}" for one in probe.similarities),
            f"{probe.milliseconds:.0f}",
            "yes" if probe.good else "NO",
        )
        for probe in probes
    ]
    output.say("")
    output.table(("photograph", "who was found", "similarity", "ms", "expected"), rows, numbers=("similarity", "ms"))


def _draw(folder: Path, enrolled: list[Enrolled], probes: list[Probe]) -> Path:
    """A row for each person, the indexed photograph first, and one for the rest."""

    tiles = []
    left = list(probes)
    for one in enrolled:
        tiles.append(Tile(one.picture, [one.face], one.person.name, f"indexed in {one.milliseconds:.0f} ms"))
        tiles += [_tile(probe) for probe in left if probe.expected == [one.person.name]]
        left = [probe for probe in left if probe.expected != [one.person.name]]
    tiles += [_tile(probe) for probe in left]
    file = io.BytesIO()
    across = 1 + (len(probes) - len(left)) // len(enrolled)
    contact_sheet("Indexed (blue), then searched", tiles, across).save(file, "JPEG", quality=90)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SHEET).write_bytes(file.getvalue())
    return folder / SHEET


def _tile(probe: Probe) -> Tile:

    pairs = zip(probe.found, probe.similarities, strict=True)
    caption = "\n".join(f"{name} {similarity:.1f}" for name, similarity in pairs) or probe.remark or "nobody"
    return Tile(probe.picture, probe.boxes, probe.title, caption, probe.good)


def _go_on(people: list[Person]) -> None:

    first = people[0]
    say("")
    say("Go on with your own photographs:", "bold")
    say("  make serve            (or: kenspeckle serve)")
    say(f"  curl -T {first.photograph} http://127.0.0.1:8080/v1/index/{first.file}")
    say(f"  curl --data-binary @{first.photograph} http://127.0.0.1:8080/v1/search")
    say("  kenspeckle index FOLDER && kenspeckle search PHOTOGRAPH")
    say("  http://127.0.0.1:8080/docs")


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends the block like Ctrl-C, so that the server is stopped and the folder removed."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
