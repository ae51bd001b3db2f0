"""Names faces that were just indexed by their photograph's XMP, and writes the names of faces into sidecars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.domain import Face, NamedFaces, display_name
from kenspeckle.domain.operations import GetFace, NameFaces
from kenspeckle.errors import Conflict, FaceNotFound, InvalidValue
from kenspeckle.intake.files import safe_name
from kenspeckle.intake.xmp import sidecar
from kenspeckle.intake.xmp.names import frame, match_faces, names
from kenspeckle.intake.xmp.regions import Region
from kenspeckle.text import plural

if TYPE_CHECKING:
    from kenspeckle.ports import Recognizer


@dataclass(frozen=True, slots=True)
class XmpNames:
    """Implements `intake.bulk.Xmp`: `read` names faces, `write` writes sidecars."""

    collection: str
    read: bool
    write: bool

    def name_faces(
        self, recognizer: Recognizer, path: Path, data: bytes, faces: Sequence[Face]
    ) -> tuple[list[NamedFaces], list[str]]:
        """Name faces without a name by the regions of the photograph; who was named, and what is to be said of it."""
        if not self.read:
            return [], []
        told = names(path, data)
        found, missed = match_faces(told, faces)
        remarks = list(told.remarks)
        done: list[NamedFaces] = []
        for name, face_ids in found.items():
            asked = NameFaces(
                collection_id=self.collection,
                face_ids=face_ids,
                person_name=name,
                external_image_id=safe_name(name),
            )
            try:
                one = recognizer.handle(asked)
            except (Conflict, InvalidValue, FaceNotFound) as error:
                remarks.append(error.message)
                continue
            if one.person is not None:
                done.append(one)
            if one.others:
                remarks.append(f"{plural(len(one.others), 'face')} of {name} had another name here, which it keeps.")
        if missed:
            remarks.append(f"No face was stored where the regions of {', '.join(missed[:5])} are.")
        return done, remarks

    def write_names(
        self, recognizer: Recognizer, path: Path, data: bytes, faces: Sequence[Face]
    ) -> tuple[int, list[str]]:
        """Write who is in the photograph into its sidecar, by the names that people have now."""
        if not self.write:
            return 0, []
        named: list[Region] = []
        for face in faces:
            record = recognizer.handle(GetFace(collection_id=self.collection, face_id=face.face_id))
            identity = record.face.external_image_id
            name = record.person.name if record.person else display_name(identity) if identity else ""
            if name:
                named.append(Region(name, face.box, upright=True))
        if not named:
            return 0, []
        try:
            return sidecar.write(path, frame(data), named)[1], []
        except InvalidValue as error:
            return 0, [error.message]
