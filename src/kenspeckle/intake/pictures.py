"""The pictures of --save: the photograph with a box and a label for each face."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from PIL import Image

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Comparison, FaceDetail, ImageSearch, Indexed, display_name
from kenspeckle.domain.similarity import tier
from kenspeckle.intake.files import Photograph
from kenspeckle.vision.picture import Mark, annotate

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


class PictureFolder:
    """A folder of pictures, one JPEG for each photograph; it is made where there is none. For several threads."""

    def __init__(self, folder: Path, sources: Iterable[Path]) -> None:
        """`sources` are the photographs, and folders of them. Raises CommandFailed where they lie in the same one."""
        for one in sources:
            if folder.exists() and one.exists() and folder.samefile(one if one.is_dir() else one.parent):
                raise CommandFailed(
                    f"The photographs lie in {folder}; pictures of the same names would replace them.",
                    "Name another folder with --save.",
                )
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._names: dict[str, int] = {}
        self._lock = Lock()

    def place(self, photograph: Photograph) -> Path:
        """A file of the photograph's name; others of one name get a number."""
        stem = Path(photograph.identity).stem.replace(":", "_")
        with self._lock:
            self._names[stem] = number = self._names.get(stem, 0) + 1
        return self._folder / (f"{stem}.jpg" if number == 1 else f"{stem}-{number}.jpg")


def search_picture(place: Path, data: bytes, answer: ImageSearch) -> None:
    """Every searched face with its best match."""
    marks = []
    for one in answer.searches:
        best = one.matches[0] if one.matches else None
        name = (best.name or best.face.face_id) if best else ""
        marks.append(Mark(one.detail.box, label(name, best.similarity) if best else "unknown", best is not None))
    marks += [Mark(one.detail.box, "not searched", False) for one in answer.unsearched]
    _write(place, data, marks)


def comparison_picture(place: Path, data: bytes, answer: Comparison) -> None:
    """The target with the similarity of every face that matches."""
    marks = [Mark(detail.box, label("", similarity), True) for detail, similarity in answer.matches]
    marks += [Mark(detail.box, "no match", False) for detail in answer.unmatched]
    _write(place, data, marks)


def detection_picture(place: Path, data: bytes, details: Iterable[FaceDetail]) -> None:
    """Every face with the detector's confidence."""
    _write(place, data, [Mark(one.box, f"{one.confidence:.1f}", True) for one in details])


def draw_indexed(place: Path, data: bytes, answer: Indexed) -> None:
    """Stored faces with their identity, others with the reason."""
    marks = [
        Mark(one.detail.box, display_name(one.face.external_image_id or one.face.face_id), True)
        for one in answer.records
    ]
    marks += [Mark(one.detail.box, ", ".join(str(reason) for reason in one.reasons), False) for one in answer.unindexed]
    _write(place, data, marks)


def label(name: str, similarity: float) -> str:
    """Of a match, as in `Amy 97.3, likely`; without a word below 80."""
    word = tier(similarity)
    return f"{name} {similarity:.1f}{', ' + word if word else ''}".lstrip()


def _write(place: Path, data: bytes, marks: list[Mark]) -> None:
    """Writes the picture in the format of its name's ending; without one, in the photograph's."""
    picture = annotate(data, marks)
    wanted = _FORMATS.get(place.suffix.lower())
    if wanted is not None:
        with Image.open(io.BytesIO(picture)) as drawn:
            if drawn.format != wanted:
                converted = io.BytesIO()
                drawn.convert("RGB").save(converted, wanted, quality=90)
                picture = converted.getvalue()
    try:
        # As for thumbnails: a new file is readable by its owner only.
        with open(place, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(picture)
    except OSError as error:
        raise CommandFailed(f"{place} can't be written: {error.strerror}.", "Name another with --save.") from error
