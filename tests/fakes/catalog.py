"""The whole catalog in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from tests.fakes.collections import Collections
from tests.fakes.faces import Faces
from tests.fakes.following import Following
from tests.fakes.galleries import Galleries
from tests.fakes.keys import FakeKeys
from tests.fakes.photographs import Photographs
from tests.fakes.shared import FakeSharedSettings
from tests.fakes.users import Users


class FakeCatalog(FakeKeys, Collections, Faces, Photographs, Users, Following, FakeSharedSettings):
    """`ports.Catalog` in memory: the same answers, errors, revisions and row numbers as the SQL catalog."""

    def __init__(self, log_limit: int = 100_000) -> None:
        FakeKeys.__init__(self)
        FakeSharedSettings.__init__(self)
        Galleries.__init__(self, log_limit)
        self._names: set[str] = set()
        self._free = threading.Condition()

    @contextmanager
    def lock(self, names: Iterable[str]) -> Iterator[None]:
        wanted = set(names)
        with self._free:
            self._free.wait_for(lambda: not wanted & self._names)
            self._names |= wanted
        try:
            yield
        finally:
            with self._free:
                self._names -= wanted
                self._free.notify_all()

    def duty(self, name: str) -> AbstractContextManager[bool]:
        return nullcontext(True)

    def counts(self, only: Sequence[str] | None = None) -> Mapping[str, int]:
        with self._lock:
            held = [one for name, one in self._galleries.items() if only is None or name in only]
            return {
                "collections": len(held),
                "faces": sum(len(one.faces) for one in held),
                "users": sum(len(one.users) for one in held),
                "images": sum(len(one.photos) for one in held),
            }

    def close(self) -> None:
        """Nothing to close."""
