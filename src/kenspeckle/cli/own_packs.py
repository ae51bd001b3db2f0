"""`kenspeckle models add` and `remove`: packs of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kenspeckle.cli.download_bars import bars
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.options import Json, ModelsDir, Yes
from kenspeckle.cli.output import emit, remark, say
from kenspeckle.client.errors import CommandFailed
from kenspeckle.models.own import OwnPack
from kenspeckle.settings import load

if TYPE_CHECKING:
    from kenspeckle.compose.own_packs import Added
    from kenspeckle.models.own_description import Description

_NETWORK = "What the network takes"
_TERMS = "What is said of it"


Detector = Annotated[
    Literal["sface", "centerface-dlib"] | None,
    typer.Option("--detector", help="The pack whose way of seeing finds the faces.", show_default="sface"),
]
Alignment = Annotated[
    Literal["arcface", "dlib"] | None,
    typer.Option(
        "--alignment", help="Places of landmarks.", show_default="arcface, for .dat dlib", rich_help_panel=_NETWORK
    ),
]
Size = Annotated[
    int | None,
    typer.Option("--size", help="Side of a chip in pixels.", show_default="the file's", rich_help_panel=_NETWORK),
]
Channels = Annotated[
    Literal["rgb", "bgr"] | None,
    typer.Option("--channels", help="Their order.", show_default="rgb", rich_help_panel=_NETWORK),
]
Mean = Annotated[
    str | None,
    typer.Option(
        "--mean", help="Subtracted from 0..255: R,G,B or one number.", show_default="127.5", rich_help_panel=_NETWORK
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale", help="What the rest is divided by: likewise.", show_default="127.5", rich_help_panel=_NETWORK
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", help="The output that is the template.", show_default="the only one", rich_help_panel=_NETWORK
    ),
]
Metric = Annotated[
    Literal["cosine", "euclidean"] | None,
    typer.Option("--metric", help="Of templates.", show_default="cosine, for .dat euclidean", rich_help_panel=_NETWORK),
]
Version = Annotated[
    str | None,
    typer.Option("--version", help="FaceModelVersion of answers.", show_default="8.0", rich_help_panel=_TERMS),
]
Licence = Annotated[
    str | None,
    typer.Option("--licence", help="Licence of the file.", show_default="not stated", rich_help_panel=_TERMS),
]
Author = Annotated[
    str | None, typer.Option("--author", help="Who made it.", show_default="not stated", rich_help_panel=_TERMS)
]
Home = Annotated[
    str | None,
    typer.Option("--home", help="Where it is published.", show_default="not stated", rich_help_panel=_TERMS),
]
TrainedOn = Annotated[
    str | None,
    typer.Option("--trained-on", help="What it learned from.", show_default="not stated", rich_help_panel=_TERMS),
]


@report_errors(FAILED)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.toml", help="Name of the pack, or a description of it.")],
    embedder: Annotated[Path | None, typer.Option("--embedder", help="The network, .onnx or dlib's .dat.")] = None,
    detector: Detector = None,
    alignment: Alignment = None,
    size: Size = None,
    channels: Channels = None,
    mean: Mean = None,
    scale: Scale = None,
    output: Output = None,
    metric: Metric = None,
    version: Version = None,
    licence: Licence = None,
    author: Author = None,
    home: Home = None,
    trained_on: TrainedOn = None,
    models_dir: ModelsDir = None,
    as_json: Json = False,
) -> None:
    """Add a pack of your own: an embedder behind the detectors of a pack that is built in.

    It is tried on two people before it is accepted. An ONNX file is a program: add only what you trust."""
    from kenspeckle.compose import own_packs  # late: brings the ONNX library

    given: dict[str, Any] = {
        "embedder": str(embedder) if embedder is not None else None,
        "detector": detector,
        "alignment": alignment,
        "size": size,
        "channels": channels,
        "mean": mean,
        "scale": scale,
        "output": output,
        "metric": metric,
        "version": version,
        "licence": licence,
        "author": author,
        "home": home,
        "trained_on": trained_on,
    }
    description = _read_description(name, given)
    with bars() as progress:
        added = own_packs.add(load({"models_dir": models_dir}), description, progress)
    _print(added, as_json)


def _read_description(name: str, given: dict[str, Any]) -> Description:
    """The pack that a file NAME.toml describes, or that the options do. Raises CommandFailed where both are given."""
    from kenspeckle.models import own_description  # late: brings the ONNX library

    if not name.endswith(".toml"):
        return own_description.describe({"name": name, **given})
    if any(value is not None for value in given.values()):
        raise CommandFailed("With a pack.toml no other option is taken.", "Write them into the file.")
    return own_description.from_toml(Path(name))


def _print(added: Added, as_json: bool) -> None:
    trial = added.trial
    if as_json:
        tried = {"same": trial.same, "strangers": trial.strangers} if trial is not None else None
        shown = {"pack": added.pack.name, "contract": added.pack.contract, "dimension": added.pack.dimension}
        emit({**shown, "folder": str(added.folder), "added": trial is not None, "trial": tried})
        return
    if trial is None:
        say(f"Model pack {added.pack.name} is in {added.folder} already.")
        return
    say(f"Model pack {added.pack.name} ({added.pack.dimension} dimensions) is in {added.folder}")
    say(
        f"Tried on two people: photographs of one are up to {trial.same:.3f} apart, of both at least "
        f"{trial.strangers:.3f}."
    )
    remark(
        f"Its similarities are {added.pack.calibration.sample.split(';')[0]}. Measure it on people you know: "
        f"kenspeckle models calibrate --pack {added.pack.name} FOLDER",
        "yellow",
    )


def remove(
    name: Annotated[str, typer.Argument(help="Pack of your own.")],
    force: Annotated[bool, typer.Option("--force", help="Also where collections are of it.")] = False,
    yes: Yes = False,
    models_dir: ModelsDir = None,
) -> None:
    """Remove a pack of your own, with what was measured of it."""
    with report_errors(FAILED):
        from kenspeckle.compose import own_packs  # late: brings the ONNX library

        settings = load({"models_dir": models_dir})
        if not yes:
            typer.confirm(f"Remove {name}? Its collections can't be searched without it.", abort=True, err=True)
        with bars() as progress:
            folder = own_packs.remove(settings, name, progress, force=force)
        say(f"Removed {folder}")


def files(pack: OwnPack) -> list[dict[str, Any]]:
    """The embedder as `models list` shows it, in the operator's words."""
    source = pack.source
    return [
        {
            "file": pack.embedder_file,
            "what": f"embedder {source.file}: {pack.dimension}-dimensional templates, behind {pack.behind}",
            "author": source.author,
            "licence": source.licence,
            "home": source.home,
            "trained_on": source.trained_on,
            "package": "",
            "package_sha256": "",
            "member": source.file,
            "size": source.size,
            "sha256": source.sha256,
        }
    ]
