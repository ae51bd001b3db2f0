"""`kenspeckle restore`: a backup becomes the local data folder again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kenspeckle.cli import options
from kenspeckle.cli.backup import beside, describe_counts, open_file, settings_of, source_key, stamp
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.output import emit, remark, say
from kenspeckle.cli.progress import steps
from kenspeckle.client.errors import CommandFailed
from kenspeckle.errors import KenspeckleError
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings
from kenspeckle.text import plural
from kenspeckle.usecases.archive.reader import Archive
from kenspeckle.usecases.backup import keyring_file as rings
from kenspeckle.usecases.backup import restore as use
from kenspeckle.usecases.backup.restore import Restored


@report_errors(FAILED)
def restore(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A file that `kenspeckle backup` wrote.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the catalog in the data folder; its data moves to another folder."),
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only verify the backup; restore nothing.")] = False,
    keyring: Annotated[
        Path | None,
        typer.Option(
            "--keyring",
            metavar="FILE",
            help="Keys of encrypted collections.",
            show_default="kenspeckle.keyring beside SRC, if there",
        ),
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out collections whose keys were destroyed.")
    ] = False,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Restore a backup into the local data folder, with the service stopped.

    Every byte is verified before anything is changed. The old data is in force until the new data is complete, also if
    the command is interrupted; run it again then.
    """

    settings = None if check else settings_of(data_dir)
    titles = {"verify": "Verifying", "photographs": "Restoring photographs", "finish": "Putting in place"}
    with open_file(source) as file, steps(**titles) as progress:
        archive = Archive(file)
        if settings is None:
            facts = _check(archive, progress)
        else:
            place = keyring or beside(source)
            ring = place if keyring or place.exists() else None
            done = _restore(settings, archive, ring, progress, replace=replace, skip_unreadable=skip_unreadable)
            facts = _to_json(settings, done, recorded=_record_restore(settings, source, done))
    if json:
        emit(facts)
    else:
        _tell_restore(settings, facts)


def _check(archive: Archive, progress: Progress) -> dict[str, Any]:

    manifest = use.check(archive, progress).manifest
    return {name: manifest.get(name) for name in use.SHOWN}


def _restore(
    settings: Settings,
    archive: Archive,
    keyring: Path | None,
    progress: Progress,
    *,
    replace: bool,
    skip_unreadable: bool,
) -> Restored:

    from kenspeckle.compose import backups  # late: the catalog's libraries take a second

    ring = rings.read(keyring) if keyring is not None else None
    target = backups.target(settings, stamp())
    return use.restore(
        archive, target, replace=replace, progress=progress, keyring=ring, skip_unreadable=skip_unreadable
    )


def _to_json(settings: Settings, done: Restored, *, recorded: bool) -> dict[str, Any]:
    """The result, as JSON."""
    return {
        "data_dir": str(settings.data_dir),
        "counts": done.counts,
        "photographs": done.photographs,
        "missing": done.missing,
        "master_key": done.master_key,
        "master_key_needed": done.key_needed,
        "aside": str(done.aside) if done.aside else None,
        "recorded": recorded,
        "left_out": list(done.left_out),
    }


def _tell_restore(settings: Settings | None, facts: dict[str, Any]) -> None:
    """`settings` are None where the backup was only checked."""

    what = f"{describe_counts(facts['counts'])} and {plural(facts['photographs'], 'photograph')}"
    say(f"{what} {'are whole' if settings is None else 'restored'}.")
    if facts.get("left_out"):
        remark(f"{plural(len(facts['left_out']), 'collection')} left out, whose keys were destroyed.", "yellow")
    if settings is not None and facts["master_key_needed"]:
        remark(f"Put the copy of the master key that you kept at {source_key(settings)} before you start it.", "yellow")
    if facts.get("aside"):
        remark(f"The previous data is in {facts['aside']}; remove it when you no longer need it.")
    if facts.get("recorded") is False:
        remark("Not recorded in the audit trail: that needs the backup's master key.", "yellow")
    if facts["missing"]:
        remark(f"{plural(facts['missing'], 'photograph')} missing already when the backup was made.", "yellow")


def _record_restore(settings: Settings, source: Path, done: Restored) -> bool:
    """Record it in the restored trail, with the newest row of the replaced one."""
    from kenspeckle.compose import backups  # late, as above

    facts: dict[str, object] = {"file": source.name, "made": done.made, "replaced": ""}
    if done.aside is not None:
        facts["replaced"] = backups.anchor_of(settings, done.aside)
    try:
        return backups.record_restore(settings, done.counts["faces"], facts)
    except KenspeckleError as error:
        raise CommandFailed(
            f"The backup is restored, but that could not be recorded in the audit trail: {error.message}",
            f"The previous data is in {done.aside}." if done.aside else "",
        ) from error
