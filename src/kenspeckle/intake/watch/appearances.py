"""Says who the appearances before a camera show: asks the recognizer, one after the other, beside the looking."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kenspeckle import moments
from kenspeckle.client.errors import CommandFailed, UnknownAnswer
from kenspeckle.compose.target import Target
from kenspeckle.domain import AppearanceSearch, QualityFilter
from kenspeckle.domain.operations import IndexFaces, Operation, SearchAppearance
from kenspeckle.errors import KenspeckleError, NoFace
from kenspeckle.intake.watch.actions import INDEXED, MATCHED, NOT_INDEXED, UNKNOWN
from kenspeckle.intake.watch.worker import FAILED, LASTING, NO_FACE, PASSING, Backoff
from kenspeckle.shapes import dump
from kenspeckle.text import plural

if TYPE_CHECKING:
    from kenspeckle.usecases.videos.live import SeenPerson

A = TypeVar("A")

MOST_WAITING = 200
"""Appearances that wait for a server; beyond that the oldest are given up. Each has up to a megabyte of pictures."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How an appearance before the camera of this `name` is searched, and whether somebody unknown is stored."""

    target: Target
    name: str
    threshold: float | None
    max_faces: int | None
    index: bool
    quality: QualityFilter | None

    def search(self, seen: SeenPerson, since: float) -> SearchAppearance:
        track = seen.track
        return SearchAppearance(
            collection_id=self.target.collection,
            images=seen.pictures,
            camera=self.name,
            first_at=round(since + track.first_ms / 1000, 3),
            last_at=round(since + track.last_ms / 1000, 3),
            frames=track.frames,
            ended=seen.ended,
            threshold=self.threshold,
            max_faces=self.max_faces,
        )

    def indexing(self, seen: SeenPerson, since: str) -> IndexFaces:
        """Without an identity: the face finds its group, and a person gives it a name."""
        return IndexFaces(
            collection_id=self.target.collection,
            image=seen.pictures[0],
            metadata={"camera": self.name, "seen": since},
            max_faces=1,
            quality=self.quality,
        )


class Teller:
    """Appearances go in from the thread that looks, and come out of `report` as JSON-ready events, in order. What stays
    of them is what `Naming` stores."""

    def __init__(
        self,
        naming: Naming,
        backoff: Backoff,
        report: Callable[[dict[str, Any]], None],
        remark: Callable[[str], None],
        fail: Callable[[], None],
    ) -> None:
        """`fail` is called where the run has to end; `close` raises why."""
        self._naming = naming
        self._backoff = backoff
        self._report = report
        self._remark = remark
        self._fail = fail
        self._waiting: deque[tuple[int, SeenPerson, float]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._number = 0
        self._lost = 0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)
        self._thread.start()

    def tell(self, seen: SeenPerson, since: float) -> None:
        """For `CameraLoop`."""
        with self._changed:
            self._number += 1
            self._waiting.append((self._number, seen, since))
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self._lost += 1
            self._changed.notify()

    def close(self) -> None:
        """Ask for all that waits, without waiting for a server that is away. Raises what has ended the run."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self._lost:
            self._remark(f"{plural(self._lost, 'appearance')} could not be told of: nobody answered.")
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
                number, seen, since = self._waiting.popleft()
            try:
                event = self._event(number, seen, since)
            except Exception as error:
                self._error = error
                self._fail()
                return
            if event is None:
                self._lost += 1
            else:
                self._report(event)

    def _event(self, number: int, seen: SeenPerson, since: float) -> dict[str, Any] | None:
        """None where nobody answered before the end. Raises errors that a person has to mend."""
        search = self._naming.search(seen, since)
        about = {
            "camera": self._naming.name,
            "appearance": number,
            "from": moments.iso(search.first_at, "milliseconds"),
            "to": moments.iso(search.last_at, "milliseconds"),
            "ended": search.ended,
            "frames": search.frames,
        }
        try:
            found = self._ask(search)
            if found is None:
                return None
            told = {"status": MATCHED if found.matches else UNKNOWN, **_show(found)}
            if found.matches or not self._naming.index:
                return {**about, **told}
            indexed = self._ask(self._naming.indexing(seen, str(about["from"])))
            if indexed is None:
                return {**about, **told}
            status = INDEXED if indexed.records else NOT_INDEXED
            return {**about, **told, "status": status, **dump.index_faces(indexed)}
        except NoFace as error:
            return {**about, "status": NO_FACE, "error": {"code": error.code, "message": error.message}}
        except (*LASTING, UnknownAnswer):
            raise
        except KenspeckleError as error:
            return {**about, "status": FAILED, "error": {"code": error.code, "message": error.message}}
        except CommandFailed as error:
            return {**about, "status": FAILED, "error": {"code": "failed", "message": error.message}}

    def _ask(self, operation: Operation[A]) -> A | None:
        """The answer, patiently; None where the run ends before there is one."""
        attempt = 0
        while True:
            try:
                answer = self._naming.target.recognizer.handle(operation)
            except PASSING as error:
                if not self._backoff.pause(attempt, error):
                    return None
                attempt += 1
                continue
            self._backoff.reset()
            return answer


def _show(found: AppearanceSearch) -> dict[str, Any]:
    names = dict.fromkeys(one.name for one in found.matches if one.name)
    return {"matchedFaces": list(names), **dump.appearance_search(found)}
