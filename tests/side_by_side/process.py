"""One of several processes at work on a data folder: does what lines of JSON on standard input say, and stops where it
is told to.

    {"do": "index", "data": FOLDER, "photograph": TEXT, "pause": "add"}

Each ends in `{"answer": ...}` or `{"error": NAME}`; a stop says `{"paused": PLACE}` and lasts until a line comes.
Catalog and photographs are the real ones; faces are drawn (`tests.fakes.drawn`), which takes no time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import operations as ops
from kenspeckle.errors import KenspeckleError
from kenspeckle.images.folder import FolderImages
from kenspeckle.ports import Staged
from kenspeckle.settings import Settings
from kenspeckle.usecases.jobs.queue import JobQueue
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.fakes import drawn

HOME = "kenspeckle"
_wanted = ""


def reach(place: str) -> None:
    """Stop here, once, where the present line says so."""
    global _wanted
    if _wanted == place:
        _wanted = ""
        say({"paused": place})
        sys.stdin.readline()


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Images(FolderImages):
    """Stops before bytes go, and before they come into their place."""

    def stage(self, digest: str, data: bytes) -> Any:
        return _Staged(super().stage(digest, data))

    def delete(self, wanted: Iterable[str]) -> None:
        reach("delete")
        super().delete(wanted)


class _Staged:
    def __init__(self, inner: Staged) -> None:
        self._inner = inner

    def publish(self) -> None:
        reach("publish")
        self._inner.publish()

    def discard(self) -> None:
        self._inner.discard()


class Catalog(SqlCatalog):
    """Stops before faces are added, after a user was made or given faces, and after it was asked what is needed."""

    def add_faces(self, *words: Any, **named: Any) -> Any:
        reach("add")
        return super().add_faces(*words, **named)

    def add_photographs(self, *words: Any, **named: Any) -> Any:
        reach("add")
        stored = super().add_photographs(*words, **named)
        reach("added")
        return stored

    def create_user(self, *words: Any, **named: Any) -> None:
        super().create_user(*words, **named)
        reach("acted")

    def link_faces(self, *words: Any, **named: Any) -> None:
        super().link_faces(*words, **named)
        reach("acted")

    def digests(self, among: Iterable[str]) -> set[str]:
        found = super().digests(among)
        reach("asked")
        return found


def opened(data: Path) -> LocalRecognizer:
    """The service of a data folder, which is made where it is not there."""
    catalog = Catalog.open(f"sqlite:///{data / 'kenspeckle.db'}")
    return LocalRecognizer(
        Context(
            engines=drawn.DrawnEngines(drawn.DrawnEngine()),
            catalog=catalog,
            index=drawn.BruteIndex(catalog),
            images=Images(data / "images"),
            gate=Gate(2, 8, 10),
            settings=Settings(data_dir=data, collection=HOME),
            jobs=JobQueue(catalog),
        )
    )


def act(service: LocalRecognizer, line: dict[str, Any]) -> Any:
    """What the line says."""
    match line["do"]:
        case "start":
            service.start()
        case "index":
            indexed = service.handle(
                ops.IndexFaces(
                    collection_id=HOME, image=line["photograph"].encode(), external_image_id=line.get("identity", "ada")
                )
            )
            return [one.face.face_id for one in indexed.records]
        case "bulk":
            some = [
                ops.IndexFaces(collection_id=HOME, image=image.encode(), external_image_id=f"{number}.jpg")
                for number, image in enumerate(line["photographs"])
            ]
            outcomes = service.handle(ops.IndexPhotographs(collection_id=HOME, photographs=some))
            return [getattr(one, "created", None) for one in outcomes]
        case "delete":
            return list(service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=line["faces"])).deleted)
        case "erase":
            return service.handle(ops.EraseIdentity(collection_id=HOME, external_image_id="ada")).face_count
        case "user":
            service.handle(ops.CreateUser(collection_id=HOME, user_id=line["user"], token=line["token"]))
        case "associate":
            return list(
                service.handle(
                    ops.AssociateFaces(
                        collection_id=HOME, user_id=line["user"], face_ids=line["faces"], token=line["token"]
                    )
                ).associated
            )
        case "anew":
            service.handle(ops.DeleteCollection(collection_id=HOME))
            service.handle(ops.CreateCollection(collection_id=HOME))
    return None


def main() -> None:
    """Until standard input ends."""
    global _wanted
    services: dict[str, LocalRecognizer] = {}
    for text in iter(sys.stdin.readline, ""):
        line = json.loads(text)
        if line["data"] not in services:
            services[line["data"]] = opened(Path(line["data"]))
        _wanted = line.get("pause", "")
        try:
            say({"answer": act(services[line["data"]], line)})
        except KenspeckleError as error:
            say({"error": type(error).__name__})


if __name__ == "__main__":
    main()
