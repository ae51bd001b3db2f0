"""Checks collections, their templates, and whether a search finds them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from kenspeckle.compose import stores
from kenspeckle.doctor.database import RESTORE
from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import SAMPLE, SAMPLE_THOROUGH, Instance
from kenspeckle.errors import KenspeckleError, PackMismatch, SettingError
from kenspeckle.models import registry
from kenspeckle.ports import CollectionFacts
from kenspeckle.text import plural

NAMED = 5
"""Faces that are named in one finding."""
STEP = 1000

_ANEW = "kenspeckle export {0} {0}.tar --images, kenspeckle collections delete {0}, kenspeckle import {0}.tar"

_MADE_ANEW = {
    "face": "kenspeckle faces delete FACE --collection {0}, then index their photographs again; one that shows others "
    "too has to go before: kenspeckle erase --image KEY --collection {0}",
    "user": "kenspeckle users delete USER --collection {0} (its faces stay), then create it and associate them again",
}


def check_collections(instance: Instance, found: Examined) -> None:
    """Counters equal the rows, the change log is not ahead of the revision, packs are installed."""
    faces = collections = 0
    for name in instance.catalog.names():
        with found.guard("collection_unreadable", f"'{name}': ", _LOST, RESTORE):
            collection = instance.catalog.collection(name)
            if collection is None:
                continue
            collections += 1
            faces += collection.rows["faces"]
            _counters(collection, found)
            _pack(collection, instance, found)
    left = instance.catalog.count_left_staged()
    if left:
        found.note(
            "staged_templates",
            f"Staged for an upgrade that has ended: {plural(left, 'template')}.",
            "Nothing uses them. The service removes them at its next start, or within an hour.",
            "kenspeckle serve",
        )
    found.summary = f"{collections:,} with {plural(faces, 'face')}"


def _counters(collection: CollectionFacts, found: Examined) -> None:
    name = collection.collection_id
    wrong = [
        f"{plural(collection.counted[what], what.removesuffix('s'))} counted and {collection.rows[what]:,} there"
        for what in collection.rows
        if collection.rows[what] != collection.counted[what]
    ]
    if wrong:
        found.fault(
            "counts_wrong",
            f"The collection '{name}' says and has different numbers: {', '.join(wrong)}.",
            "Every write counts in its own transaction, so something else has written to the database.",
            _ANEW.format(name),
        )
    if collection.logged > collection.revision:
        found.fault(
            "log_ahead",
            f"The change log of '{name}' is ahead of it ({collection.logged} and {collection.revision}).",
            "Indexes of running services may miss faces, or hold deleted ones.",
            f"Restart every service on this catalog, then: {_ANEW.format(name)}",
        )


def _pack(collection: CollectionFacts, instance: Instance, found: Examined) -> None:
    pack = registry.of_contract(instance.settings.models_dir, collection.contract)
    if pack is None:
        found.warn(
            "pack_mismatch",
            f"The collection '{collection.collection_id}' was made with the pack '{collection.pack}' (contract "
            f"{collection.contract[:12]}), which this Kenspeckle does not know.",
            "Indexing and searching in it is refused (409).",
            "Serve it with the version that made it, add its pack again (kenspeckle models add), or index its "
            "photographs into a new collection",
        )
        return
    settings = instance.settings
    # The default pack's files are reported by the check of models.
    if pack.name != settings.pack and any(registry.check(settings.models_dir, pack.name).values()):
        found.warn(
            "pack_missing",
            f"The collection '{collection.collection_id}' is of the pack '{pack.name}', which is not whole in "
            f"{settings.models_dir}.",
            "Photographs can't be indexed or searched in it (503).",
            registry.advise(settings.models_dir, pack.name),
        )


def check_templates(instance: Instance, found: Examined) -> None:
    """Every template is finite, not zero, and has as many components as the collection's pack."""
    total = 0
    for collection in _collections(instance):
        for kind in ("face", "user"):
            total += _templates(collection, kind, instance, found)
    found.summary = f"{total:,} read"


def _templates(collection: CollectionFacts, kind: str, instance: Instance, found: Examined) -> int:
    """How many were read of one kind."""
    dimension, name = _dimension(collection, instance), collection.collection_id
    number, bad = 0, list[str]()
    with found.guard("collection_unreadable", f"{kind.capitalize()}s of '{name}': ", _LOST, RESTORE):
        for number, (one, template) in enumerate(instance.catalog.templates(name, kind), 1):
            if number % STEP == 0:
                instance.progress("templates", number, collection.rows[f"{kind}s"])
            if not _right(template, dimension):
                bad.append(one)
    if bad:
        numbers = f"{dimension} finite numbers" if dimension else "finite numbers"
        shown = ", ".join(bad[:NAMED]) + (f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else "")
        found.fault(
            "template_damaged",
            f"Templates of {plural(len(bad), kind)} of '{name}' are not {numbers}: {shown}.",
            f"These {kind}s are never found, or end every search with an error.",
            _MADE_ANEW[kind].format(name),
        )
    return number


def _right(template: np.ndarray[tuple[int, ...], np.dtype[np.float32]], dimension: int | None) -> bool:
    if dimension is not None and template.shape != (dimension,):
        return False
    return bool(np.isfinite(template).all()) and bool(template.any())


def check_index(instance: Instance, found: Examined) -> None:
    """An index is built as a service builds it, and every face asked for has to find itself."""
    asked = 0
    for collection in _collections(instance):
        dimension = _dimension(collection, instance)
        if dimension is None or not collection.rows["faces"]:
            continue
        name = collection.collection_id
        try:
            lost, count = _find_lost(instance, collection, dimension)
        except (KenspeckleError, ValueError):
            found.note("index_not_built", f"No index of '{name}' can be built.", "Its templates can't be read.")
            continue
        asked += count
        if lost:
            found.fault(
                "index_disagrees",
                f"Not found by their own templates: {len(lost):,} of {plural(count, 'face')} of '{name}': "
                f"{', '.join(lost[:NAMED])}.",
                "A search misses them.",
                "Restart the service, which builds the index anew; if this stays, it is worth a bug report",
            )
    found.summary = f"own templates of {plural(asked, 'face')} searched"


def _find_lost(instance: Instance, collection: CollectionFacts, dimension: int) -> tuple[list[str], int]:
    """Faces that a search with their own template does not find, and how many were searched."""
    name, total = collection.collection_id, collection.rows["faces"]
    stride = max(1, total // (SAMPLE_THOROUGH if instance.thorough else SAMPLE))
    lost, asked = [], 0
    with closing(stores.index(instance.catalog.catalog, dimension)) as index:
        for number, (face_id, template) in enumerate(instance.catalog.templates(name, "face")):
            if number % stride or not _right(template, dimension):
                continue
            asked += 1
            instance.progress("index", number + 1, total)
            matches = index.search(name, "face", template, 1, math.inf)
            if not matches or matches[0][1] > 0:
                lost.append(face_id)
    return lost, asked


def _collections(instance: Instance) -> Iterator[CollectionFacts]:
    """Collections that can be read; the check of collections reports the others."""
    for name in instance.catalog.names():
        try:
            collection = instance.catalog.collection(name)
        except KenspeckleError:
            continue
        if collection is not None:
            yield collection


def _dimension(collection: CollectionFacts, instance: Instance) -> int | None:
    """Components of a template of the collection's pack; None where this program does not know the pack."""
    try:
        pack = registry.find_pack(instance.settings.models_dir, collection.pack)
    except (SettingError, PackMismatch):
        return None
    return pack.dimension if pack.contract == collection.contract else None


_LOST = (
    "Searches and lists of this collection fail (503); collections that are not named here can be used and exported."
)
