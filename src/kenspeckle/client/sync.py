"""`kenspeckle.Client`: a service's verbs as methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kenspeckle.client import verbs
from kenspeckle.client.http import Remote
from kenspeckle.client.pages import all_of
from kenspeckle.client.retries import USUAL, Retries
from kenspeckle.client.verbs import Done, Photograph, Quality
from kenspeckle.domain import (
    Collection,
    Comparison,
    Deleted,
    Erased,
    Face,
    FaceDetail,
    FaceRecord,
    ImageSearch,
    Indexed,
    User,
)
from kenspeckle.domain import operations as ops
from kenspeckle.parallel import parallel

PAGE = 1000


class Client(Remote):
    """A client of one service, for many threads; close it, or use it in a `with` block.

    `api_key` may be left out on a service without keys; `collection` is the service's default where it is empty;
    `timeout` is in seconds for each wait on the service; `retries` says when a request is sent again. Methods name the
    common verbs. Every other operation of `kenspeckle.operations` is asked for by `handle`.

    Raises the service's errors (`kenspeckle.errors`), ServerUnreachable, and ClientError for an answer of something
    that is no such service or another version of it; OSError where a photograph can't be read."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        api_key: str | None = None,
        *,
        collection: str = "",
        timeout: float = 120.0,
        retries: Retries = USUAL,
    ) -> None:
        super().__init__(url, api_key, timeout=timeout, retries=retries)
        self.collection = collection

    def index(
        self,
        photograph: Photograph,
        name: str | None = None,
        *,
        max_faces: int | None = None,
        quality: Quality = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Indexed:
        """Store every face of the photograph under the name, or the file's where none is given. The same again adds
        nothing."""
        return self.handle(verbs.index(photograph, name, self.collection, max_faces, quality, metadata))

    def search(
        self,
        photograph: Photograph,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
        quality: Quality = None,
        every_face: bool = False,
    ) -> ImageSearch:
        """Who is the largest face of the photograph, or each with `every_face`. `threshold` is a similarity, 0..100.
        Raises NoFace."""
        return self.handle(verbs.search(photograph, self.collection, threshold, max_faces, quality, every_face))

    def index_many(
        self,
        photographs: Iterable[tuple[str, Photograph]],
        *,
        workers: int = 4,
        progress: Callable[[int, Done], object] = lambda done, one: None,
    ) -> Iterator[Done]:
        """Index pairs of name and photograph, `workers` at once; each outcome as it comes. `progress` is told how many
        are done and the last one. Errors of one photograph are its outcome; others are raised."""

        def one(pair: tuple[str, Photograph]) -> Done:
            name, photograph = pair
            return self._one(photograph, name, lambda: self.index(photograph, name))

        return _tell_progress(parallel(one, photographs, workers), progress)

    def search_many(
        self,
        photographs: Iterable[Photograph],
        *,
        workers: int = 4,
        progress: Callable[[int, Done], object] = lambda done, one: None,
        **how: Any,
    ) -> Iterator[Done]:
        """Search photographs, `workers` at once; `how` are parameters of `search`. As `index_many`."""

        def one(photograph: Photograph) -> Done:
            return self._one(photograph, verbs.name_of(photograph), lambda: self.search(photograph, **how))

        return _tell_progress(parallel(one, photographs, workers), progress)

    def detect(self, photograph: Photograph) -> tuple[FaceDetail, ...]:
        """Every face of the photograph, largest first; nothing is stored."""
        return self.handle(ops.DetectFaces(image=verbs.content(photograph)))

    def compare(self, source: Photograph, target: Photograph, *, threshold: float | None = None) -> Comparison:
        """Whether the largest face of the source is in the target; nothing is stored."""
        first, second = verbs.content(source), verbs.content(target)
        return self.handle(ops.CompareFaces(source=first, target=second, threshold=threshold))

    def faces(self, *, name: str | None = None, user: str | None = None) -> Iterator[Face]:
        """Stored faces in the order in which they came, those of a name or a user if one is given; pages are fetched
        as they are needed."""
        return all_of(lambda cursor: self.handle(verbs.faces(self.collection, name, user, cursor)))

    def face(self, face_id: str) -> FaceRecord:
        return self.handle(ops.GetFace(collection_id=self.collection, face_id=face_id))

    def thumbnail(self, face_id: str) -> bytes:
        """The face cut out of its photograph, as JPEG."""
        return self.handle(ops.GetThumbnail(collection_id=self.collection, face_id=face_id))

    def delete_faces(self, face_ids: Sequence[str]) -> Deleted:
        return self.handle(ops.DeleteFaces(collection_id=self.collection, face_ids=face_ids))

    def erase(self, name: str) -> Erased:
        """Erase everything that was indexed under the name, with a signed receipt."""
        return self.handle(ops.EraseIdentity(collection_id=self.collection, external_image_id=name))

    def collections(self) -> Iterator[Collection]:
        return all_of(lambda cursor: self.handle(ops.ListCollections(limit=PAGE, cursor=cursor)))

    def create_collection(self, collection_id: str, *, pack: str | None = None) -> Collection:
        return self.handle(ops.CreateCollection(collection_id=collection_id, pack=pack))

    def delete_collection(self, collection_id: str) -> None:
        self.handle(ops.DeleteCollection(collection_id=collection_id))

    def users(self) -> Iterator[User]:
        return all_of(
            lambda cursor: self.handle(ops.ListUsers(collection_id=self.collection, limit=PAGE // 2, cursor=cursor))
        )

    def _one(self, photograph: Photograph, name: str, ask: Callable[[], Indexed | ImageSearch]) -> Done:
        try:
            return Done(photograph, name, ask(), None)
        except verbs.ONES_OWN as error:
            return Done(photograph, name, None, error)


def _tell_progress(outcomes: Iterator[Done], progress: Callable[[int, Done], object]) -> Iterator[Done]:
    for number, one in enumerate(outcomes, 1):
        progress(number, one)
        yield one
