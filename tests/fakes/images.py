"""An image store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kenspeckle.errors import ImageNotFound
from kenspeckle.ports import Lock


class FakeImages:
    """`ports.Images` in memory."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}

    def stage(self, digest: str, data: bytes) -> FakeStaged:
        return FakeStaged(self._held, digest, data)

    def recover(self, referenced: Callable[[Iterable[str]], set[str]], lock: Lock, *, alone: bool = False) -> None:
        """Memory has no crashes."""

    def put(self, digest: str, data: bytes) -> None:
        self.stage(digest, data).publish()

    def get(self, digest: str) -> bytes:
        if digest not in self._held:
            raise ImageNotFound("The photograph is not stored.")
        return self._held[digest]

    def delete(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._held.pop(digest, None)


class FakeStaged:
    """`ports.Staged` in memory."""

    def __init__(self, held: dict[str, bytes], digest: str, data: bytes) -> None:
        self._held, self._digest, self._data = held, digest, data

    def publish(self) -> None:
        self._held[self._digest] = self._data

    def discard(self) -> None:
        """Nothing was kept."""
