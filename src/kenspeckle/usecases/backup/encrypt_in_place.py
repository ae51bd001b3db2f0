"""Encrypts existing data in place, or decrypts it, while the service is stopped.

Order, collection by collection: mark it; photographs, a few at a time (staged under their new names, renamed in the
catalog, moved into place, the old ones removed); templates and thumbnails; unmark it. An interrupted conversion
continues when it is run again: staged photographs are moved or removed by `Images.recover`, and the photographs to be
removed are on the catalog's list.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from kenspeckle.errors import ImageNotFound, StorageUnavailable
from kenspeckle.ports import Converting, Images, Pending, Staged, StoredImage, no_lock
from kenspeckle.progress import Progress

_AT_ONCE: Final = 16
"""Photographs of one transaction, all of which are in memory."""
_WRITERS: Final = 4
"""Photographs that are synced at once: disks sync several in the time of one."""
_REMOVED_AT_ONCE: Final = 500


@dataclass(slots=True)
class Converted:
    """Counts of a conversion. `missing` photographs are not in the image store."""

    collections: tuple[str, ...] = ()
    photographs: int = 0
    rows: int = 0
    missing: int = 0


def convert(catalog: Converting, images: Images, *, encrypt: bool, progress: Progress) -> Converted:
    """Encrypt, or decrypt, every collection. After StorageFull or StorageUnavailable, run it again."""
    images.recover(catalog.digests, no_lock, alone=True)
    _work_off(catalog, images)
    pending = catalog.pending(encrypt=encrypt)
    done = Converted(tuple(one.collection_id for one in pending))
    photographs, rows = sum(one.images for one in pending), sum(one.rows for one in pending)
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="convert") as pool:
        for one in pending:
            catalog.begin(one, encrypt=encrypt)
            after = 0
            while some := catalog.images(one, after, _AT_ONCE):
                after = some[-1].row
                _photographs(catalog, images, one, some, done, pool, encrypt=encrypt)
                done.photographs += len(some)
                progress("photographs", done.photographs, photographs)
            for count in catalog.rows(one, encrypt=encrypt):
                done.rows += count
                progress("templates", done.rows, rows)
            catalog.finish(one, encrypt=encrypt)
    catalog.videos(encrypt=encrypt)
    return done


def _photographs(
    catalog: Converting,
    images: Images,
    pending: Pending,
    some: Sequence[StoredImage],
    done: Converted,
    pool: ThreadPoolExecutor,
    *,
    encrypt: bool,
) -> None:
    some = [one for one in some if one.encrypted != encrypt]
    if not some:
        return
    # The same photograph under several identities is one in the store.
    kept = list({one.name: one for one in some if one.kept}.values())
    staged = list(pool.map(lambda one: _stage(catalog, images, pending, one, encrypt=encrypt), kept))
    done.missing += staged.count(None)
    catalog.rename(pending, some, encrypt=encrypt)
    for one in staged:
        if one is not None:
            one.publish()
    _work_off(catalog, images)


def _stage(catalog: Converting, images: Images, pending: Pending, one: StoredImage, *, encrypt: bool) -> Staged | None:
    """The photograph in its new form, staged under its new name; None where it is not in the store."""
    collection_id = pending.collection_id
    try:
        data = images.get(one.name)
        if encrypt:
            name = catalog.photograph_name(collection_id, one.digest)
            return images.stage(name, catalog.seal_photograph(collection_id, one.digest, data))
        return images.stage(one.digest, catalog.open_photograph(collection_id, one.digest, data))
    except ImageNotFound:
        return None
    except StorageUnavailable as error:
        raise StorageUnavailable(
            f"The photograph '{one.key}' of collection '{collection_id}' can't be converted: {error.message}"
        ) from error


def _work_off(catalog: Converting, images: Images) -> None:
    """Remove photographs under names that are no longer referred to."""
    while some := catalog.removals(_REMOVED_AT_ONCE):
        wanted = catalog.digests(some)
        images.delete([name for name in some if name not in wanted])
        catalog.forget_removals(some)
