"""Checks copies of templates in the vector database: whether it answers, and whether it has what the catalog says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from kenspeckle.compose import stores
from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.domain.template_digest import digest
from kenspeckle.errors import CollectionNotFound, KenspeckleError
from kenspeckle.ports import IN_FILE, Mirror, Mirrored, MirrorState, VectorStore
from kenspeckle.text import plural

BATCH = 4000


def check(instance: Instance, found: Examined) -> None:
    """Counts and revisions of each mirror; with `thorough` the digest of each template too."""
    known = [one for one in instance.catalog.mirrors() if one[0].place != IN_FILE]
    store = stores.vectors(instance.settings)
    _elsewhere([one for one, _ in known if store is None or one.place != store.place], found)
    if store is None:
        found.summary = "memory://, all collections are searched in process"
        return
    with closing(store):
        _examine_encrypted(instance, found)
        try:
            version = store.check()
            there = set(store.names())
        except KenspeckleError as error:
            found.warn(
                "index_unreachable",
                error.message,
                "Collections up to INDEX_FALLBACK_FACES are searched in process meanwhile, larger ones are not (503).",
                "Start Milvus, or correct INDEX_URL",
            )
            found.summary = f"{store.place} does not answer"
            return
        here = [(one, alive) for one, alive in known if one.place == store.place]
        for mirror, alive in here:
            if alive and mirror.state is not MirrorState.LEAVING:
                with found.guard("index_unreadable", f"'{mirror.collection_id}': ", _EXACT, _mend(mirror)):
                    _mirror(instance, store, mirror, there, found)
        _unknown(sorted(there - {one.name for one, _ in here}), store, found)
        found.summary = f"Milvus {version} at {store.place}, {plural(len(here), 'collection')}"


def _mirror(instance: Instance, store: VectorStore, mirror: Mirror, there: set[str], found: Examined) -> None:
    name = mirror.collection_id
    try:
        collection = instance.catalog.describe_mirrored(name)
    except CollectionNotFound:
        return
    if mirror.name not in there:
        found.warn("index_lost", f"The index of '{name}' is not at {store.place} any more.", _EXACT, _mend(mirror))
    elif mirror.state is not MirrorState.READY:
        found.note("index_not_ready", f"The index of '{name}' is {mirror.state.value}.", _EXACT, _mend(mirror))
    elif store.read_mark(mirror.name, mirror.stamp) not in range(
        mirror.revision, max(mirror.revision, mirror.target) + 1
    ) or (collection.revision == mirror.revision and store.count(mirror.name) != collection.faces):
        found.warn("index_wrong", f"The index of '{name}' is not what was stored there.", _EXACT, _mend(mirror))
    elif instance.thorough and (wrong := _compare(instance, store, mirror, collection)):
        found.warn(
            "index_wrong",
            f"The index of '{name}' differs from the catalog in {plural(wrong, 'face')}.",
            "Searches may miss them until it is repaired; others are answered right, as each is read from the catalog.",
            _mend(mirror),
        )


def _compare(instance: Instance, store: VectorStore, mirror: Mirror, collection: Mirrored) -> int:
    """Faces that the mirror should have as they are and has not, or has too many."""
    catalog, after, wrong = instance.catalog.catalog, 0, 0
    newer = {one.row for one in catalog.changes(mirror.collection_id, mirror.revision, 100_000) or ()}
    while True:
        rows, templates = catalog.templates_after(mirror.collection_id, after, BATCH)
        upto = rows[-1] if len(rows) == BATCH else None
        wanted = {row: digest(template) for row, template in zip(rows, templates, strict=True)}
        there = store.digests(mirror.name, after, upto) or {}
        instance.progress("index at INDEX_URL", len(rows), collection.faces)
        differ = {row for row in wanted.keys() | there.keys() if wanted.get(row) != there.get(row)}
        wrong += len(differ - newer)
        if upto is None:
            return wrong
        after = upto


def _elsewhere(mirrors: Sequence[Mirror], found: Examined) -> None:
    for place in sorted({one.place for one in mirrors}):
        some = [one.collection_id for one in mirrors if one.place == place]
        found.warn(
            "index_elsewhere",
            f"Copies of templates of {plural(len(some), 'collection')} lie at {place}, which INDEX_URL does not name.",
            "Nothing brings them up to date or removes them, so receipts of erasure stay pending.",
            f"Set INDEX_URL=milvus://{place} again with INDEX_FACES above their size, which removes them; where that "
            f"server was deleted: kenspeckle catalog forget-index {place}",
        )


def _examine_encrypted(instance: Instance, found: Examined) -> None:
    settings = instance.settings
    if settings.index_encrypted:
        return
    for name in instance.catalog.names():
        collection = instance.catalog.describe_mirrored(name)
        if collection.encrypted and collection.faces >= settings.index_faces:
            found.note(
                "index_encrypted",
                f"The collection '{name}' is encrypted, so it is searched in process and not at INDEX_URL.",
                "Its templates would lie there in the clear.",
                "INDEX_ENCRYPTED=on allows it",
            )


def _unknown(names: Sequence[str], store: VectorStore, found: Examined) -> None:
    if names:
        found.note(
            "index_unknown",
            f"At {store.place} there are {plural(len(names), 'collection')} that this catalog does not know: "
            f"{', '.join(names[:3])}{' and more' if len(names) > 3 else ''}.",
            "They are of another catalog, or of this one before it was restored from a backup.",
            "Where no other service uses them, drop them with a client of Milvus",
        )


def _mend(mirror: Mirror) -> str:
    return f"kenspeckle collections sync {mirror.collection_id}; a service does it by itself"


_EXACT = "Up to INDEX_FALLBACK_FACES it is searched in process meanwhile; searches of larger ones are refused (503)."
