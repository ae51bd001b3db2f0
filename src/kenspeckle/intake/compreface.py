"""Photographs by subject from CompreFace: from its API, or from a folder for each subject."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from kenspeckle.client import exchange
from kenspeckle.client.errors import CommandFailed, ServerUnreachable, describe
from kenspeckle.client.retries import USUAL
from kenspeckle.compreface.errors import Refusal
from kenspeckle.compreface.names import identity_of
from kenspeckle.domain.operations import IndexFaces
from kenspeckle.errors import KenspeckleError
from kenspeckle.intake.bulk import HOPELESS, Outcome, why_none
from kenspeckle.intake.files import Photograph, Search, find, read

if TYPE_CHECKING:
    from kenspeckle.ports import Recognizer

PAGE = 500
_FACES = "/api/v1/recognition/faces"


@dataclass(frozen=True, slots=True)
class Example:
    """A photograph of a subject; `read` gives its bytes. `photograph` names it in outcomes."""

    photograph: Photograph
    read: Callable[[], bytes]

    @property
    def subject(self) -> str:
        return self.photograph.original


class Api:
    """A recognition service of CompreFace at its address; `key` is that of the service. Close it."""

    def __init__(self, url: str, key: str) -> None:
        self._url = exchange.hide_password(url)
        self._client = httpx.Client(**exchange.connection(url, key, 60))

    def close(self) -> None:
        self._client.close()

    def examples(self) -> Iterator[Example]:
        """Every example, page by page. Raises CommandFailed, ServerUnreachable."""
        number, pages = 0, 1
        while number < pages:
            answer = exchange.json_of(self._get(_FACES, {"page": str(number), "size": str(PAGE)}))
            try:
                faces = [(str(one["image_id"]), str(one["subject"])) for one in answer["faces"]]
                pages = int(answer["total_pages"])
            except (KeyError, TypeError, ValueError) as error:
                raise CommandFailed(
                    f"{self._url} answers something else than CompreFace does.",
                    "Give CompreFace's own address.",
                ) from error
            for image_id, subject in faces:
                yield Example(Photograph(Path(f"{subject}/{image_id}"), subject), self._reader(image_id))
            number += 1

    def _reader(self, image_id: str) -> Callable[[], bytes]:
        return lambda: self._get(f"{_FACES}/{image_id}/img").content

    def _get(self, path: str, parameters: dict[str, str] | None = None) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._client.get(path, params=parameters)
            except httpx.HTTPError as error:
                raise ServerUnreachable(
                    f"No CompreFace answers at {self._url}: {error or type(error).__name__}.", "Check the address."
                ) from error
            pause = USUAL.pause(response, attempt)
            if pause is None:
                break
            time.sleep(pause)
        if not response.is_success:
            raise CommandFailed(
                f"{self._url} answers {response.status_code}: {_message(response)}",
                "The key is that of its recognition service: COMPREFACE_API_KEY, or --compreface-key.",
            )
        return response


def _message(response: httpx.Response) -> str:
    try:
        answer: Any = response.json()
        return str(answer["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase


def from_folder(folder: Path, most_bytes: int, search: Search) -> Iterator[Example]:
    """Photographs of a folder for each subject."""
    for one in find([folder], "folder", search):
        yield Example(one, partial(read, one.path, most_bytes))


@dataclass(frozen=True, slots=True)
class Import:
    """Enrols examples as CompreFace's protocol does: one face a photograph, subjects named as they were."""

    recognizer: Recognizer
    collection: str

    def one(self, example: Example) -> Outcome:
        """Index one example. Raises what ends the run; everything else is an outcome."""
        try:
            identity = identity_of(example.subject)
        except Refusal as refusal:
            return Outcome(example.photograph, "", "skipped", str(refusal))
        try:
            answer = self.recognizer.handle(
                IndexFaces(
                    collection_id=self.collection,
                    image=example.read(),
                    external_image_id=identity,
                    key=identity,
                    max_faces=1,
                )
            )
        except (*HOPELESS, ServerUnreachable):
            raise
        except (KenspeckleError, CommandFailed) as error:
            return Outcome(example.photograph, identity, "skipped", describe(error)[0])
        if not answer.records:
            return Outcome(example.photograph, identity, "skipped", why_none(answer), answer)
        return Outcome(example.photograph, identity, "indexed" if answer.created else "present", "", answer)
