"""Composition of exports and imports of the local data folder, with rows in the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from kenspeckle.catalog.export import SqlDumps
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.data_folder import recorder_of, storage
from kenspeckle.domain import Mixed, PackInfo, Vector
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import CollectionNotFound, PackMismatch
from kenspeckle.images.store import open_images
from kenspeckle.models import registry
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings, load
from kenspeckle.usecases.recognition.disagreement import find_mixed_of
from kenspeckle.usecases.recognition.originals import Photographs
from kenspeckle.usecases.transfer import import_
from kenspeckle.usecases.transfer.export import Exported, Source
from kenspeckle.usecases.transfer.export import export as write
from kenspeckle.usecases.transfer.reader import ExportFile
from kenspeckle.usecases.transfer.storing import Imported, Target
from kenspeckle.vision.decode import Photograph

ENCODER = "dlib_face_recognition_resnet_model_v1.dat"
"""The network of face_recognition's encodings."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """A data folder that collections are exported from and imported into; each transfer is a row of its audit trail."""

    settings: Settings
    catalog: SqlCatalog
    master: MasterKey

    def export(
        self, collection: str, file: IO[bytes], made_by: str, *, scratch: Path | None, progress: Progress
    ) -> Exported:
        """Write the collection; with `scratch`, a folder for temporary files, its photographs too. Raises
        CollectionNotFound, StorageFull, StorageUnavailable."""
        source = Source(
            SqlDumps(self.catalog.database, self.catalog.collection_keys),
            Photographs(open_images(self.settings.images), self.catalog),
            self.catalog,
            lambda pack: registry.find_pack(self.settings.models_dir, pack).dimension,
            made_by,
        )
        done = write(source, collection, file, scratch=scratch, progress=progress)
        self._record("ExportCollection", collection, done.faces, {"photographs": done.photographs})
        return done

    def import_export(self, file: IO[bytes], collection: str | None, progress: Progress) -> Imported:
        """Import an export, under its own name or as `collection`. Raises InvalidValue, PackMismatch, StorageFull."""
        return self._record_import(import_.import_export(self._target(), ExportFile(file), collection, progress))

    def import_encodings(
        self, read: Callable[[], Sequence[tuple[str, Vector]]], collection: str | None, progress: Progress
    ) -> Imported:
        """Import encodings of face_recognition, pairs of identity and template, into `collection` or the default one;
        they are read once the collection's pack is known to fit. Raises as `import_export`."""
        name = collection or self.settings.collection
        pack = self._encoder(name)
        return self._record_import(import_.import_encodings(self._target(), name, pack, read(), progress))

    def find_mixed(self, collection: str, identities: Sequence[str]) -> tuple[Mixed, ...]:
        """Those of the people of some identities whose faces seem to show several. None where the pack is not known."""
        pack = _pack_of(self.settings.models_dir, self.catalog.collection(collection).contract)
        return () if pack is None else find_mixed_of(self.catalog, pack, collection, identities)

    def of_one_person(self, collection: str, face_ids: Sequence[str]) -> tuple[str, ...]:
        """Those of the faces that the person has who has most of them: what an import brought may have been corrected
        where it comes from."""
        owners: dict[str | None, list[str]] = {}
        for face_id in face_ids:
            person = self.catalog.face(collection, face_id)[0].person
            owners.setdefault(person.person_id if person else None, []).append(face_id)
        owners.pop(None, None)
        most: list[str] = max(owners.values(), key=len, default=[])
        return tuple(most)

    def _record_import(self, done: Imported) -> Imported:
        facts = {"present": done.present, "users": done.users}
        self._record("ImportCollection", done.collection, done.faces, facts)
        return done

    def _record(self, operation: str, collection: str, faces: int, facts: Mapping[str, int]) -> None:
        with closing(recorder_of(self.settings, self.catalog, self.master)) as recorder:
            recorder.record(recorder.entry(operation, collection, face_count=faces, facts=facts))

    def _encoder(self, collection: str) -> PackInfo:
        """The pack of face_recognition's encodings, that of the collection where there is one. Raises PackMismatch."""
        packs = [pack for pack in registry.PACKS.values() if pack.embedder.member.path.endswith(ENCODER)]
        with suppress(CollectionNotFound):  # then it will be made, of the first
            found = self.catalog.collection(collection)
            packs = [pack for pack in packs if pack.contract == found.contract]
            if not packs:
                raise PackMismatch(
                    f"face_recognition's encodings are templates of dlib's ResNet; the pack '{found.pack}' of the "
                    f"collection '{collection}' has another embedder: they are not comparable. Import into another "
                    "collection, which is made for them, or index the photographs.",
                    field="collection",
                )
        return packs[0].info

    def _target(self) -> Target:
        """Where an import goes."""
        settings = self.settings
        most_bytes, most_pixels = settings.max_image_bytes, settings.max_image_pixels
        return Target(
            self.catalog,
            open_images(settings.images),
            partial(_pack_of, settings.models_dir),
            lambda data: Photograph(data, max_bytes=most_bytes, max_pixels=most_pixels),
            settings.keep_images,
            # Recorded first, so that the trail has it if the import is interrupted.
            lambda name: self._record("ImportCollectionBegun", name, 0, {}),
            people=self.catalog,
        )


def _pack_of(models_dir: Path, contract: str) -> PackInfo | None:
    pack = registry.of_contract(models_dir, contract)
    return None if pack is None else pack.info


@contextmanager
def open_transfers(data_dir: Path | None, *, make: bool = True) -> Iterator[Transfers]:
    """`make` the catalog where there is none. Raises CommandFailed over Amazon Rekognition, SettingError, StorageFull,
    StorageUnavailable."""
    settings = load({"data_dir": data_dir})
    if settings.recognizer != "local":
        raise CommandFailed(
            "Amazon Rekognition neither gives templates out nor takes any.",
            "Index the photographs anew; docs/managed.md says how to fetch them.",
        )
    if not make:
        storage(settings).see()
    master = MasterKey.of(settings)
    with closing(SqlCatalog.of(settings, master)) as catalog:
        yield Transfers(settings, catalog, master)
