"""`kenspeckle compare` and `detect`: compares two photographs; finds the faces of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kenspeckle.cli import options, output
from kenspeckle.cli.failures import NEGATIVE, TROUBLE, report_errors
from kenspeckle.cli.index import REMOTE_BYTES
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target, open_target
from kenspeckle.domain import Attribute, Attributes, FaceDetail, QualityFilter
from kenspeckle.domain import operations as ops
from kenspeckle.domain.attributes import parse_names
from kenspeckle.domain.similarity import tier
from kenspeckle.errors import KenspeckleError, NoFace
from kenspeckle.intake.files import read, refuse_same_file
from kenspeckle.shapes import dump
from kenspeckle.text import plural

Image = Annotated[Path, typer.Argument(metavar="IMAGE", help="A photograph, or - for standard input.")]


@report_errors(TROUBLE)
def compare(
    source: Annotated[Path, typer.Argument(metavar="A", help="A photograph whose largest face is looked for.")],
    target: Annotated[Path, typer.Argument(metavar="B", help="The photograph to look in.")],
    threshold: options.Threshold = None,
    quality: options.Quality = None,
    save: options.Save = None,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Check whether the largest face of A is in B. Exit code: 0 it is, 1 it is not, 2 an error."""

    refuse_same_file(save, source, target)
    with open_target(url, api_key, data_dir) as where:
        first, second = read_image(source, where), read_image(target, where)
        try:
            answer = where.recognizer.handle(
                ops.CompareFaces(source=first, target=second, threshold=threshold, quality=quality_of(quality))
            )
        except NoFace as error:
            shown = target if error.field == "target" else source
            raise CommandFailed(
                f"{shown} shows no face.", f"`kenspeckle detect {shown}` shows what is found."
            ) from error
        except KenspeckleError as error:
            if error.field not in ("source", "target"):
                raise
            shown = target if error.field == "target" else source
            raise CommandFailed(f"{shown}: {error.message}") from error
    if json:
        output.emit(dump.compare_faces(answer))
    else:
        rows = [(f"{similarity:.2f}", tier(similarity), *_place(detail)) for detail, similarity in answer.matches]
        if rows:
            output.table(("similarity", "how sure", *_PLACE[1:]), rows, numbers=_PLACE)
        else:
            others = f" ({plural(len(answer.unmatched), 'other face')} there)" if answer.unmatched else ""
            output.say(f"No match: the largest face of {source} is not on {target}{others}.")
    if save:
        from kenspeckle.intake.pictures import comparison_picture  # late: Pillow draws

        comparison_picture(save, second, answer)
    if not answer.matches:
        raise typer.Exit(NEGATIVE)


@report_errors(TROUBLE)
def detect(
    image: Image,
    attributes: options.Attributes = None,
    save: options.Save = None,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Find the faces of a photograph and describe them. Exit code: 0 there are some, 1 there are none, 2 an error."""
    refuse_same_file(save, image)
    asked = parse_names((attributes or "DEFAULT").split(","))
    with open_target(url, api_key, data_dir) as target:
        data = read_image(image, target)
        details = target.recognizer.handle(ops.DetectFaces(image=data, attributes=asked))
    if json:
        output.emit(dump.detect_faces(details))
    elif details:
        more = tuple(name for name in _TOLD if any(_attributes_in_words(one)[name] for one in details))
        columns = ("face", "confidence", *_PLACE[1:], "roll", "yaw", "pitch", "brightness", "sharpness", *more)
        rows = [
            (
                str(number),
                f"{one.confidence:.1f}",
                *_place(one),
                *(f"{angle:.0f}°" for angle in (head.roll, head.yaw, head.pitch)),
                f"{one.quality.brightness:.0f}",
                f"{one.quality.sharpness:.0f}",
                *(_attributes_in_words(one)[name] for name in more),
            )
            for number, one in enumerate(details, 1)
            for head in ((one.attributes and one.attributes.pose) or one.pose,)
        ]
        output.table(columns, rows, numbers=columns)
    else:
        output.say("No face found.")
    if save:
        from kenspeckle.intake.pictures import detection_picture  # late: Pillow draws

        detection_picture(save, data, details)
    if not details:
        raise typer.Exit(NEGATIVE)


_TOLD = ("age", "smile", "mouth open", "eyes open", "covered", "eyes look", "gender")


def _attributes_in_words(detail: FaceDetail) -> dict[str, str]:
    """Attributes of a face as words, by column; empty where it is not told."""
    more = detail.attributes or Attributes()
    names = (Attribute.SMILE, Attribute.MOUTH_OPEN, Attribute.EYES_OPEN, Attribute.FACE_OCCLUDED)
    flags = [("yes" if more.flags[one].value else "no") if one in more.flags else "" for one in names]
    words = (
        f"{more.age.low} to {more.age.high}" if more.age else "",
        *flags,
        f"{more.eyes.yaw:.0f}°, {more.eyes.pitch:.0f}°" if more.eyes else "",
        more.gender.value if more.gender else "",
    )
    return dict(zip(_TOLD, words, strict=True))


_PLACE = ("similarity", "left", "top", "width", "height")


def _place(detail: FaceDetail) -> tuple[str, str, str, str]:
    """A box in percent of the photograph."""
    box = detail.box
    left, top, width, height = (f"{100 * side:.1f}%" for side in (box.left, box.top, box.width, box.height))
    return left, top, width, height


def read_image(path: Path, target: Target) -> bytes:
    """The photograph, as large as the target takes it at most."""

    return read(path, REMOTE_BYTES if target.remote else target.settings.max_image_bytes)


def quality_of(name: str | None) -> QualityFilter:
    """The quality bar of a search."""
    return QualityFilter(name.upper()) if name else QualityFilter.NONE
