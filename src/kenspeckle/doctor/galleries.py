"""Collections, their templates, and whether a search finds them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from kenspeckle.doctor.database import RESTORE
from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import SAMPLE, SAMPLE_THOROUGH, Patient
from kenspeckle.errors import KenspeckleError, PackMismatch, SettingError
from kenspeckle.index.store import open_index
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


def check_collections(patient: Patient, found: Examined) -> None:
    """Counters as counted, the change log not ahead of the revision, packs that are there."""
    faces = collections = 0
    for name in patient.catalog.names():
        with found.guarded("collection_unreadable", f"'{name}': ", _LOST, RESTORE):
            gallery = patient.catalog.collection(name)
            if gallery is None:
                continue
            collections += 1
            faces += gallery.rows["faces"]
            _counters(gallery, found)
            _pack(gallery, patient, found)
    found.summary = f"{collections:,} with {plural(faces, 'face')}"


def _counters(gallery: CollectionFacts, found: Examined) -> None:
    name = gallery.collection_id
    wrong = [
        f"{plural(gallery.counted[what], what.removesuffix('s'))} counted and {gallery.rows[what]:,} there"
        for what in gallery.rows
        if gallery.rows[what] != gallery.counted[what]
    ]
    if wrong:
        found.fault(
            "counts_wrong",
            f"The collection '{name}' says and has different numbers: {', '.join(wrong)}.",
            "Every write counts in its own transaction, so something else has written to the database.",
            _ANEW.format(name),
        )
    if gallery.logged > gallery.revision:
        found.fault(
            "log_ahead",
            f"The change log of '{name}' is ahead of it ({gallery.logged} and {gallery.revision}).",
            "Indexes of running services may miss faces, or hold deleted ones.",
            f"Restart every service on this catalog, then: {_ANEW.format(name)}",
        )


def _pack(gallery: CollectionFacts, patient: Patient, found: Examined) -> None:
    try:
        contract = registry.get(patient.settings.pack).contract
    except SettingError:
        return  # told with the model files
    if gallery.contract != contract:
        found.warn(
            "pack_mismatch",
            f"The collection '{gallery.collection_id}' was made with the pack '{gallery.pack}', and PACK is "
            f"'{patient.settings.pack}'.",
            "Indexing and searching in it is refused (409).",
            f"KENSPECKLE_PACK={gallery.pack} kenspeckle serve, or index its photographs into a new collection",
        )


def check_templates(patient: Patient, found: Examined) -> None:
    """Every template is finite, not zero, and has as many components as the collection's pack."""
    total = 0
    for gallery in _galleries(patient):
        for kind in ("face", "user"):
            total += _templates(gallery, kind, patient, found)
    found.summary = f"{total:,} read"


def _templates(gallery: CollectionFacts, kind: str, patient: Patient, found: Examined) -> int:
    """How many were read of one kind."""
    dimension, name = _dimension(gallery), gallery.collection_id
    number, bad = 0, list[str]()
    with found.guarded("collection_unreadable", f"{kind.capitalize()}s of '{name}': ", _LOST, RESTORE):
        for number, (one, template) in enumerate(patient.catalog.templates(name, kind), 1):
            if number % STEP == 0:
                patient.told("templates", number, gallery.rows[f"{kind}s"])
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


def check_index(patient: Patient, found: Examined) -> None:
    """An index is built as a service builds it, and every face asked for has to find itself."""
    asked = 0
    for gallery in _galleries(patient):
        dimension = _dimension(gallery)
        if dimension is None or not gallery.rows["faces"]:
            continue
        name = gallery.collection_id
        try:
            lost, count = _lost(patient, gallery, dimension)
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


def _lost(patient: Patient, gallery: CollectionFacts, dimension: int) -> tuple[list[str], int]:
    """Faces that a search with their own template does not find at once, and how many were asked."""
    name, total = gallery.collection_id, gallery.rows["faces"]
    stride = max(1, total // (SAMPLE_THOROUGH if patient.thorough else SAMPLE))
    lost, asked = [], 0
    with closing(open_index(patient.catalog.catalog, dimension)) as index:
        for number, (face_id, template) in enumerate(patient.catalog.templates(name, "face")):
            if number % stride or not _right(template, dimension):
                continue
            asked += 1
            patient.told("index", number + 1, total)
            matches = index.search(name, "face", template, 1, math.inf)
            if not matches or matches[0][1] > 0:
                lost.append(face_id)
    return lost, asked


def _galleries(patient: Patient) -> Iterator[CollectionFacts]:
    """Collections that can be read at all; what is wrong with others, their own check tells."""
    for name in patient.catalog.names():
        try:
            gallery = patient.catalog.collection(name)
        except KenspeckleError:
            continue
        if gallery is not None:
            yield gallery


def _dimension(gallery: CollectionFacts) -> int | None:
    """Components of a template of the collection's pack; None where this program does not know the pack."""
    try:
        pack = registry.get(gallery.pack)
    except (SettingError, PackMismatch):
        return None
    return pack.dimension if pack.contract == gallery.contract else None


_LOST = (
    "Searches and lists of this collection fail (503); collections that are not named here can be used and exported."
)
