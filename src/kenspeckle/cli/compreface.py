"""`kenspeckle import compreface URL|FOLDER`: imports photographs of CompreFace's subjects."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

from kenspeckle.cli.disagreement import find_mixed_people, warn
from kenspeckle.cli.index import REMOTE_BYTES, REMOTE_WORKERS, summary
from kenspeckle.cli.output import emit
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.target import Target
from kenspeckle.intake.agreement import Agreement
from kenspeckle.intake.bulk import Tally
from kenspeckle.intake.compreface import Api, Import, from_folder
from kenspeckle.intake.files import Search
from kenspeckle.parallel import parallel


def bring(target: Target, origin: str, key: str, json: bool) -> bool:
    """Import everybody, report, and return whether nobody was skipped."""
    search, tally, agreement, start = Search(), Tally(most=sys.maxsize), Agreement(), time.monotonic()
    with ExitStack() as stack:
        if origin.startswith(("http://", "https://")):
            if not key:
                raise CommandFailed(
                    "CompreFace asks for a key.", "Give that of its recognition service as COMPREFACE_API_KEY."
                )
            examples = stack.enter_context(closing(Api(origin, key))).examples()
        elif Path(origin).is_dir():
            most = REMOTE_BYTES if target.remote else target.settings.max_image_bytes
            examples = from_folder(Path(origin), most, search)
        else:
            raise CommandFailed(f"{origin} is no folder and no address.", "Give http://host:port, or a folder.")
        workers = REMOTE_WORKERS if target.remote else target.settings.workers
        work = Import(target.recognizer, target.collection)
        for outcome in stack.enter_context(closing(parallel(work.one, examples, workers))):
            tally.add(outcome)
            agreement.add(outcome)
    if json:
        skipped = [{"photograph": str(path), "reason": reason} for path, reason in tally.skipped]
        emit({"indexed": tally.indexed, "present": tally.present, "skipped": skipped})
    summary(tally, search, time.monotonic() - start)
    warn(agreement, find_mixed_people(target.recognizer, target.collection))
    if not tally.reached:
        raise CommandFailed(f"{origin} has no photographs.", "A folder has one folder for each subject.")
    return not tally.skipped
