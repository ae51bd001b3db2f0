"""The part of the fake catalog that an index follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from kenspeckle.domain import Vector
from kenspeckle.ports import Change, Stored
from tests.fakes.galleries import Galleries


class Following(Galleries):
    """Revisions, changes since one, and all templates."""

    def revision(self, collection_id: str) -> int:
        with self._lock:
            return self._gallery(collection_id).revision

    def changes(self, collection_id: str, since: int, limit: int) -> list[Change] | None:
        with self._lock:
            gallery = self._gallery(collection_id)
            if not gallery.floor <= since <= gallery.revision:
                return None
            net: dict[tuple[str, int], int] = {}
            for revision, kind, row in gallery.log:
                if revision > since:
                    net.pop((kind, row), None)
                    net[kind, row] = revision
            if len(net) > limit:
                return None
            ordered = sorted((at, kind, row) for (kind, row), at in net.items())
            return [Change(at, kind, row, self._template(gallery, kind, row)) for at, kind, row in ordered]

    def snapshot(self, collection_id: str, kind: str) -> tuple[int, Iterable[tuple[list[int], Vector]]]:
        with self._lock:
            gallery = self._gallery(collection_id)
            rows = list(gallery.faces if kind == "face" else gallery.users)
            held = {row: template for row in rows if (template := self._template(gallery, kind, row)) is not None}
            return gallery.revision, [(list(held), np.stack(list(held.values())))] if held else []

    def read_stored(
        self, collection_id: str, kind: str, rows: Sequence[int], *, contract: str | None = None
    ) -> list[Stored]:
        with self._lock:
            gallery = self._gallery(collection_id)
            self._check_contract(gallery, contract)
            found = []
            for row in rows:
                template = self._template(gallery, kind, row)
                if template is not None:
                    face = self._face(gallery, row) if kind == "face" else None
                    user = gallery.users[row].user if kind == "user" else None
                    found.append(Stored(row, template, face, user))
            return found
