"""The whole catalog in memory."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes.collections import Collections
from tests.fakes.faces import Faces
from tests.fakes.following import Following
from tests.fakes.galleries import Galleries
from tests.fakes.keys import FakeKeys
from tests.fakes.photographs import Photographs
from tests.fakes.users import Users

TOKEN_SECONDS = 8 * 3600


class FakeCatalog(FakeKeys, Collections, Faces, Photographs, Users, Following):
    """`ports.Catalog` in memory: the same answers, errors, revisions and row numbers as the SQL catalog."""

    def __init__(self, log_limit: int = 100_000) -> None:
        FakeKeys.__init__(self)
        Galleries.__init__(self, log_limit)
        self._tokens: dict[tuple[str, str], tuple[str, str, float]] = {}

    def remember(self, scope: str, token: str, fingerprint: str, answer: str, now: float) -> None:
        with self._lock:
            if self.recall(scope, token, now) is None:
                self._tokens[scope, token] = (fingerprint, answer, now)

    def recall(self, scope: str, token: str, now: float) -> tuple[str, str] | None:
        with self._lock:
            fingerprint, answer, at = self._tokens.get((scope, token), ("", "", float("-inf")))
            return (fingerprint, answer) if at > now - TOKEN_SECONDS else None

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            held = self._galleries.values()
            return {
                "collections": len(held),
                "faces": sum(len(one.faces) for one in held),
                "users": sum(len(one.users) for one in held),
                "images": sum(len(one.photos) for one in held),
            }

    def close(self) -> None:
        """Nothing to close."""
