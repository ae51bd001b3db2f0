"""Checks encryption at rest: agrees with the setting, no interrupted conversion, keys available, master key stored
elsewhere."""

from __future__ import annotations

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import KenspeckleError
from kenspeckle.text import plural

NAMED = 5


def check(instance: Instance, found: Examined) -> None:
    catalog, settings = instance.catalog.catalog, instance.settings
    now = catalog.encryption()
    found.summary = f"{plural(len(now.encrypted), 'collection')} encrypted, {len(now.plain):,} not"
    if now.halfway:
        name, state = now.halfway[0]
        command = "kenspeckle decrypt" if state == "decrypting" else "kenspeckle encrypt"
        found.fault(
            "encryption_halfway",
            f"`{command}` was interrupted: the collection '{name}' is half encrypted.",
            "No service starts until it is done.",
            f"{command}, with the service stopped: it goes on where it was",
        )
    if settings.encryption and now.plain:
        found.fault(
            "not_encrypted",
            f"KENSPECKLE_ENCRYPTION is on, and not encrypted: {_some(now.plain)}.",
            "No service starts; anyone who has the files can read them.",
            "kenspeckle encrypt, with the service stopped",
        )
    if now.encrypted and not settings.encryption:
        found.fault(
            "encryption_off",
            f"KENSPECKLE_ENCRYPTION is off, and encrypted: {_some(now.encrypted)}.",
            "No service starts with these settings.",
            "KENSPECKLE_ENCRYPTION=on, where the service gets its settings from",
        )
    lost = []
    for name in (*now.encrypted, *(name for name, _ in now.halfway)):
        try:
            catalog.photograph_name(name, 64 * "0")  # which takes the key
        except KenspeckleError as error:
            lost.append((name, error.message))
    if lost:
        found.fault(
            "collection_key_lost",
            f"{plural(len(lost), 'collection')} can't be decrypted: {lost[0][1]}",
            "No face of them is found, and nothing of them can be shown.",
            "Give the right master key; or kenspeckle restore BACKUP --keyring FILE --replace",
        )
    if (now.encrypted or now.halfway) and instance.key_file == settings.data_dir / "master.key":
        found.warn(
            "key_beside_data",
            f"The master key lies beside what it protects ({instance.key_file}).",
            "Whoever takes the disk or a copy of the folder has both.",
            "Move it to another place and name that by KENSPECKLE_MASTER_KEY_FILE; or use KENSPECKLE_MASTER_KEY_KMS",
        )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
