"""Faces that an older version stored come to their people before anything of people is answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kenspeckle.domain import validation
from kenspeckle.errors import NotOffered, Overloaded

if TYPE_CHECKING:
    from kenspeckle.ports import People

ADOPTED: Final = 2000
"""Faces of an older version that one transaction gives people to."""

PATIENCE: Final = 5.0
"""Seconds that a request works on that, before it asks to be sent again."""


def adopt(people: People | None, collection_id: str) -> People:
    """The people of a collection, in which every face has found its own. Raises NotOffered where the catalog has none,
    and Overloaded where an older version left so many faces that this takes longer: the next request goes on with
    it."""
    if people is None:
        raise NotOffered("This catalog has no people.")
    validation.collection_id(collection_id)
    until = time.monotonic() + PATIENCE
    while (state := people.adopt(collection_id, ADOPTED)) is not None:
        if time.monotonic() > until:
            done, total = state
            raise Overloaded(
                f"Faces of an older version are being given to people: {done:,} of {total:,} are done. Ask again.",
                retry_after=1.0,
            )
    return people
