"""Processes photographs of the drop folder: each is read, processed once, its result written, and then recorded.

This order makes it safe to be killed at any point: a photograph that was answered but not recorded is found by its
result, or sent again, which changes nothing (a photograph is indexed once under an identity, a search stores nothing).
"""

from __future__ import annotations

import hashlib
import os
import random
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from kenspeckle.client.errors import CommandFailed, ServerUnreachable, describe
from kenspeckle.errors import (
    CollectionNotFound,
    Forbidden,
    KenspeckleError,
    ModelMissing,
    NoFace,
    NotOffered,
    Overloaded,
    PackMismatch,
    RateLimited,
    SettingError,
    StorageFull,
    StorageUnavailable,
    Unauthenticated,
)
from kenspeckle.intake.files import same_person
from kenspeckle.intake.watch import results
from kenspeckle.intake.watch.arrivals import FileState
from kenspeckle.intake.watch.ledger import Ledger
from kenspeckle.intake.watch.locks import DigestLocks
from kenspeckle.intake.watch.tree import Tree

PASSING = (Overloaded, RateLimited, StorageFull, StorageUnavailable, ServerUnreachable)
"""Temporary errors that do not depend on the photograph: it waits, and nothing is lost."""

LASTING = (
    CollectionNotFound,
    Forbidden,
    ModelMissing,
    NotOffered,
    PackMismatch,
    SettingError,
    Unauthenticated,
)
"""Errors that would occur with every other photograph, and that a person has to resolve."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
BLOCK = 1 << 20

FAILED, REPEATED, NO_FACE = "failed", "repeated", "no_face"


class Action(Protocol):
    """The operation on a photograph: indexing or searching."""

    @property
    def name(self) -> str: ...
    @property
    def whole(self) -> bool:
        """Whether `do` gets the file's bytes; else it reads the file itself, and they are empty."""
        ...

    def identity(self, path: Path) -> tuple[str, str]:
        """(identity, the name that it is made of); both empty where only the photograph's content matters."""
        ...

    def do(self, data: bytes, path: Path, identity: str) -> Answer:
        """Raises domain errors, ServerUnreachable, CommandFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of an action: the result's status and content, and a function that draws the picture with boxes into a
    file."""

    status: str
    told: dict[str, Any]
    draw: Callable[[Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a file; `path` is relative to the folder."""

    path: Path
    status: str
    result: dict[str, Any]


@dataclass(slots=True)
class Backoff:
    """Waits between attempts after temporary errors. `patience` is the longest wait in seconds, None for no limit;
    `meanwhile` says what is done."""

    stop: threading.Event
    remark: Callable[[str], None]
    patience: float | None = None
    meanwhile: str = "Waiting; nothing is lost."
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _troubled: bool = False

    def pause(self, attempt: int, error: Exception) -> bool:
        """Wait before the next attempt; False where it is time to stop."""
        wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
        # Seconds waited before this: 1 + 2 + 4 ...
        if self.patience is not None and FIRST_PAUSE * (2**attempt - 1) >= self.patience:
            raise error
        with self._lock:
            first, self._troubled = not self._troubled, True
        if first:
            self.remark(f"{describe(error)[0]} {self.meanwhile}")
        return not self.stop.wait(wait * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """An attempt succeeded."""
        with self._lock:
            before, self._troubled = self._troubled, False
        if before:
            self.remark("It answers again.")


class Worker:
    """Processes files of `root`. `most` is the largest size of a photograph in bytes; `pictures` a folder for pictures
    with boxes."""

    def __init__(
        self, root: Path, ledger: Ledger, action: Action, backoff: Backoff, most: int, pictures: Path | None = None
    ) -> None:
        self._root = root
        self._tree = Tree(root)
        self._ledger = ledger
        self._action = action
        self._backoff = backoff
        self._most = most
        self._pictures = pictures
        self._same = DigestLocks()
        self._left: dict[Path, FileState] = {}
        """Files that can't be read, or whose result can't be written: skipped until they change or until the next
        start."""

    def one(self, path: Path, facts: FileState) -> Outcome | None:
        """Process a complete file; None where it was processed before, was removed, or is still being written (then it
        is reported again), or the run ends. Raises what ends the run."""
        near = path.relative_to(self._root)
        if self._backoff.stop.is_set() or self._ledger.knows(near, facts) or self._left.get(near) == facts:
            return None
        try:
            return self._dealt(path, facts)
        except results.ResultBlocked as error:
            if not os.path.lexists(path):  # removed meanwhile, maybe with its folder
                return None
            if not all(os.access(one, os.W_OK) for one in (self._root, self._pictures) if one is not None):
                raise
            self._left[near] = facts
            why = _error("in_the_way", error.message)
            return Outcome(near, FAILED, self._result(path, "", "", Answer(FAILED, why)))

    def _dealt(self, path: Path, facts: FileState) -> Outcome | None:
        near = path.relative_to(self._root)
        identity, original = self._action.identity(path)
        try:
            found_there = _read(self._tree, path, facts, self._most, keep=self._action.whole)
        except CommandFailed as error:
            # Too large to read for a digest; its path and state identify it until the file changes.
            digest = hashlib.sha256(os.fsencode(near) + repr(facts).encode()).hexdigest()
            return self._finish(path, facts, digest, identity, Answer(FAILED, _error("unusable", error.message)))
        except OSError as error:
            # A change of permissions does not change the file's state: the next start tries again.
            self._left[near] = facts
            why = _error("unreadable", f"It can't be read: {error.strerror}.")
            return Outcome(near, FAILED, self._write(path, "", identity, Answer(FAILED, why)))
        if found_there is None:
            return None
        digest, data = found_there
        with self._same.hold([digest]):
            known = self._ledger.find_done(digest, identity)
            if known is not None:
                return self._again(path, facts, digest, identity, known)
            found = results.read(self._tree, path)
            if found is not None and found.items() >= self._marks(digest, identity).items():
                # Killed between the two: the result exists but was not recorded.
                self._ledger.record(near, facts, digest, identity, str(found.get("status")))
                return Outcome(near, str(found.get("status")), found)
            done = self._ask(data, path, identity, original)
            if done is None or not (self._action.whole or self._is_same(path, facts)):
                return None
            return self._finish(path, facts, digest, identity, done)

    def _is_same(self, path: Path, facts: FileState) -> bool:
        """Whether what was read by its name is what its digest was made of, and no link that has replaced it."""
        try:
            return FileState.of(self._tree.stat(path)) == facts
        except OSError:
            return False

    def _again(
        self, path: Path, facts: FileState, digest: str, identity: str, known: tuple[Path, str]
    ) -> Outcome | None:
        """The same bytes as before: under the same name there is nothing to do, under another a result that says so."""
        near = path.relative_to(self._root)
        if known[0] != near:
            return self._finish(path, facts, digest, identity, Answer(REPEATED, {"same_as": _text(known[0])}))
        self._ledger.record(near, facts, digest, identity, known[1])
        return None

    def _ask(self, data: bytes, path: Path, identity: str, original: str) -> Answer | None:
        if identity:
            first = self._ledger.name_of(identity, original)
            if not same_person(first, original):
                why = f"Its identity would be {identity}, as that of {_text(Path(first))}; rename one of them."
                return Answer(FAILED, _error("identity_taken", why))
        attempt = 0
        while True:
            try:
                answer = self._action.do(data, path, identity)
            except LASTING:
                raise
            except PASSING as error:
                if not self._backoff.pause(attempt, error):
                    return None
                attempt += 1
                continue
            except NoFace as error:
                answer = Answer(NO_FACE, _error(error.code, error.message))
            except KenspeckleError as error:
                answer = Answer(FAILED, _error(error.code, error.message))
            except CommandFailed as error:
                answer = Answer(FAILED, _error("failed", error.message))
            self._backoff.reset()
            return answer

    def _finish(self, path: Path, facts: FileState, digest: str, identity: str, answer: Answer) -> Outcome:
        near = path.relative_to(self._root)
        self._draw(near, answer)
        result = self._write(path, digest, identity, answer)
        self._ledger.record(near, facts, digest, identity, answer.status)
        return Outcome(near, answer.status, result)

    def _draw(self, near: Path, answer: Answer) -> None:
        if self._pictures is None or answer.draw is None:
            return
        target = self._pictures / results.name_after(near, ".jpg")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise results.ResultBlocked(f"{target.parent} can't be made: {error.strerror}.") from error
        try:
            results.whole(target, answer.draw)
        except KenspeckleError as error:  # the server can decode the photograph, this machine may not
            self._backoff.remark(f"{_text(near)}: no picture of its boxes. {error.message}")

    def _write(self, path: Path, digest: str, identity: str, answer: Answer) -> dict[str, Any]:
        result = self._result(path, digest, identity, answer)
        results.write(self._tree, path, result)
        return result

    def _result(self, path: Path, digest: str, identity: str, answer: Answer) -> dict[str, Any]:
        return {
            "file": _text(Path(path.name)),
            "status": answer.status,
            **self._marks(digest, identity),
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **answer.told,
        }

    def _marks(self, digest: str, identity: str) -> dict[str, Any]:
        """The members of a result that identify the photograph and the job."""
        of = {"verb": self._action.name, "job": self._ledger.mark, "sha256": digest or None}
        return of | {"identity": identity} if identity else of


def _read(tree: Tree, path: Path, facts: FileState, most: int, *, keep: bool) -> tuple[str, bytes] | None:
    """The file's digest, and its bytes where they are to be kept; None where it is gone or changes while it is read.
    Raises CommandFailed where it can't be what it is named for, OSError where it can't be read."""
    digest, size, kept = hashlib.sha256(), 0, []
    try:
        with tree.open(path) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            if facts.size > most:
                raise CommandFailed(f"It has more than {most:,} bytes.")
            while size <= most and (data := file.read(BLOCK)):
                digest.update(data)
                size += len(data)
                if keep:
                    kept.append(data)
            after = FileState.of(os.fstat(file.fileno()))
    except FileNotFoundError:
        return None
    if after != facts or size != facts.size:
        return None
    if not size:
        raise CommandFailed("It is empty.")
    return digest.hexdigest(), b"".join(kept)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _text(path: Path) -> str:
    """A path as text; undecodable bytes are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
