"""The start of a process without garbage collection: the objects that it makes live as long as the process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_collection(*, keep: bool = True) -> Iterator[None]:
    """Turns off garbage collection for the block, whose objects are all kept; it would take a sixth of a start.

    `keep` has later collections pass over everything that is there at its end. Leave it out where the process goes on
    to other work: what is garbage by then stays too."""
    were = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if keep:
            gc.freeze()
        if were:
            gc.enable()
