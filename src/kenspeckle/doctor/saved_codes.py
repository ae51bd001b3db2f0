"""Checks the files of codes from which a start loads large collections."""

from __future__ import annotations

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import CollectionNotFound
from kenspeckle.index.saved_codes import FOLDER, is_sound, path_of, unknown
from kenspeckle.ports import IN_FILE, Mirror
from kenspeckle.text import plural

_AGAIN = "A running service removes it and saves another; or delete the file."


def check(instance: Instance, found: Examined) -> None:
    """Files that the catalog does not know or that should not be, and with `thorough` the digest of each."""
    folder = instance.settings.data_dir / FOLDER
    known = [one for one, _ in instance.catalog.mirrors() if one.place == IN_FILE]
    for path in unknown(folder, known):
        found.warn(
            "codes_unknown",
            f"The catalog does not know the file {path}.",
            "It is never read, but may tell apart faces that were deleted.",
            _AGAIN,
        )
    for one in known:
        path = path_of(folder, one)
        if path.exists() and _is_encrypted(instance, one):
            found.warn(
                "codes_in_the_clear",
                f"The collection '{one.collection_id}' is encrypted, but {path} has codes of it in the clear.",
                "It is never read, but tells the faces apart.",
                _AGAIN,
            )
        elif instance.thorough and path.exists() and not is_sound(folder, one):
            found.note(
                "codes_damaged",
                f"{path} is not what was saved of the collection '{one.collection_id}'.",
                "The next start reads the collection from the catalog, which takes longer.",
                _AGAIN,
            )
    found.summary = plural(len(known), "file") if known else "none"


def _is_encrypted(instance: Instance, saved: Mirror) -> bool:
    try:
        return instance.catalog.describe_mirrored(saved.collection_id).encrypted
    except CollectionNotFound:
        return False
