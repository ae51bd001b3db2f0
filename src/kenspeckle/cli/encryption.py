"""`kenspeckle encrypt` and `decrypt`: what the local data folder holds already, with the service stopped."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.cli import options
from kenspeckle.cli.failures import FAILED, reported
from kenspeckle.client.errors import CommandFailed
from kenspeckle.text import plural

if TYPE_CHECKING:
    from kenspeckle.settings import Settings
    from kenspeckle.usecases.backup.encrypt_in_place import Converted


@reported(FAILED)
def encrypt(json: options.Json = False, data_dir: options.DataDir = None) -> None:
    """Encrypt all that is in the local data folder, with the service stopped.

    Templates, thumbnails and photographs of every collection, each under a key of its own, which lies in the catalog
    under the master key. Run it once, with KENSPECKLE_ENCRYPTION=on, and start the service with that too. It may be
    interrupted: run it again, it goes on where it was. Backups that were made before stay as they are.
    """
    _convert(data_dir, to=True, json=json)


@reported(FAILED)
def decrypt(json: options.Json = False, data_dir: options.DataDir = None) -> None:
    """Undo `kenspeckle encrypt`, with the service stopped and KENSPECKLE_ENCRYPTION=off.

    Collections' keys are destroyed at the end: make a new backup afterwards, for those made before can't be read once
    it has replaced the keyring. It may be interrupted and run again.
    """
    _convert(data_dir, to=False, json=json)


def _convert(data_dir: Path | None, *, to: bool, json: bool) -> None:
    from kenspeckle.cli.output import emit, remark, say
    from kenspeckle.settings import load

    settings = load({"data_dir": data_dir})
    if settings.encryption != to:
        now, then = ("on", "decrypt") if settings.encryption else ("off", "encrypt")
        raise CommandFailed(
            f"KENSPECKLE_ENCRYPTION is {now}.",
            f"Set it to {'on' if to else 'off'} where the service gets its settings from, then {then}.",
        )
    done = converted(settings)
    did = "encrypted" if to else "decrypted"
    if json:
        emit(
            {
                "collections": list(done.collections),
                "photographs": done.photographs,
                "rows": done.rows,
                "missing": done.missing,
            }
        )
    elif not done.collections:
        say(f"Everything is {did} already.")
    else:
        photographs = plural(done.photographs, "photograph")
        say(f"{plural(len(done.collections), 'collection')} {did}: {photographs}, {plural(done.rows, 'template')}.")
    if done.missing:
        remark(f"{plural(done.missing, 'photograph')} missing in the store, as before.", "yellow")


def converted(settings: Settings) -> Converted:
    """Have all of the data folder as ENCRYPTION says, and nothing of what was before in the database's files."""
    from kenspeckle.catalog.maintenance.encrypt import Converter
    from kenspeckle.catalog.sql import SqlCatalog
    from kenspeckle.cli.progress import steps
    from kenspeckle.compose.data_folder import recorder_of
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.images.store import open_images
    from kenspeckle.usecases.backup.encrypt_in_place import convert

    to = settings.encryption
    master = MasterKey.of(settings)
    titles = {"photographs": "Photographs", "templates": "Templates and thumbnails"}
    operation = "EncryptCollection" if to else "DecryptCollection"
    with closing(Converter.open(settings.catalog, master=master, alone=True)) as alone, steps(**titles) as told:
        # Cut off after a collection is done and before the end, the trail has this of it.
        with closing(recorder_of(settings, alone, master)) as recorder:
            for one in alone.pending(encrypt=to):
                recorder.record(recorder.entry(f"{operation}Begun", one.collection_id))
        done = convert(alone, open_images(settings.images), encrypt=to, told=told)
    # As any process again: the trail says what was done, and old bytes leave the files of the database. In this order,
    # for another run would find nothing to do and so nothing to record.
    with closing(SqlCatalog.open(settings.catalog, master=master)) as catalog:
        with closing(recorder_of(settings, catalog, master)) as recorder:
            for name in done.collections:
                recorder.record(recorder.entry(operation, name))
        if not catalog.scrub(thorough=True):
            raise CommandFailed("Another process uses the catalog: old bytes are still in its files.", "Run it again.")
    return done
