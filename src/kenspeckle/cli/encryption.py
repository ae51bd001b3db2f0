"""`kenspeckle encrypt` and `decrypt`: converts existing data of the local data folder, with the service stopped."""

from __future__ import annotations

from pathlib import Path

from kenspeckle.cli import options
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.output import emit, remark, say
from kenspeckle.cli.progress import steps
from kenspeckle.client.errors import CommandFailed
from kenspeckle.settings import load
from kenspeckle.text import plural


@report_errors(FAILED)
def encrypt(json: options.Json = False, data_dir: options.DataDir = None) -> None:
    """Encrypt all data in the local data folder, with the service stopped.

    Templates, thumbnails and photographs of every collection, each under a key of its own, which is stored in the
    catalog, encrypted under the master key. Run it once, with KENSPECKLE_ENCRYPTION=on, and start the service with that
    too. If it is interrupted, run it again; it continues where it stopped. Backups that were made before stay as they
    are.
    """
    _convert(data_dir, to=True, json=json)


@report_errors(FAILED)
def decrypt(json: options.Json = False, data_dir: options.DataDir = None) -> None:
    """Undo `kenspeckle encrypt`, with the service stopped and KENSPECKLE_ENCRYPTION=off.

    Collections' keys are destroyed at the end: make a new backup afterwards, for those made before can't be read once
    it has replaced the keyring. It may be interrupted and run again.
    """
    _convert(data_dir, to=False, json=json)


def _convert(data_dir: Path | None, *, to: bool, json: bool) -> None:

    from kenspeckle.compose.conversion import convert_folder  # late: the catalog's libraries take a second

    settings = load({"data_dir": data_dir})
    if settings.encryption != to:
        now, then = ("on", "decrypt") if settings.encryption else ("off", "encrypt")
        raise CommandFailed(
            f"KENSPECKLE_ENCRYPTION is {now}.",
            f"Set it to {'on' if to else 'off'} where the service gets its settings from, then {then}.",
        )
    titles = {"photographs": "Photographs", "templates": "Templates and thumbnails"}
    with steps(**titles) as progress:
        done = convert_folder(settings, progress)
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
