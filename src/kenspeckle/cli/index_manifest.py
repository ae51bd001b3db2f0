"""`kenspeckle index MANIFEST.jsonl` and `kenspeckle index s3://bucket/prefix`: a job, waited for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kenspeckle.cli.disagreement import find_mixed_people, warn
from kenspeckle.cli.failures import FINE, NEGATIVE
from kenspeckle.cli.jobs import all_results, print_results, wait_for_end
from kenspeckle.cli.output import remark
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.manifests import list_objects
from kenspeckle.compose.target import Target
from kenspeckle.domain import Attribute, JobState, LineStatus, QualityFilter
from kenspeckle.domain import operations as ops
from kenspeckle.intake.agreement import Agreement
from kenspeckle.intake.bulk import SHOWN
from kenspeckle.intake.identities import Identities
from kenspeckle.intake.manifests import bucket_of, place_of, write_manifest
from kenspeckle.text import plural, printable

LOOKED_AT = 100_000
"""Lines of a manifest whose faces are compared with others of their name."""


def index_manifest(
    target: Target,
    path: Path,
    by: str,
    max_faces: int | None,
    quality: QualityFilter | None,
    attributes: frozenset[Attribute] | None,
    *,
    named: bool,
    json: bool,
) -> int:
    """Begin the job, wait for its end, report; the exit code."""
    with _manifest(target, path, by, named=named) as file:
        job = target.recognizer.handle(
            ops.StartIndexing(
                collection_id=target.collection,
                path=file,
                max_faces=max_faces,
                quality=quality,
                attributes=attributes,
            )
        )
        ended = wait_for_end(target, job)
        if ended.state is not JobState.SUCCEEDED:
            raise CommandFailed(
                ended.error or f"Job {ended.job_id} was cancelled.",
                f"What was indexed stays: kenspeckle jobs results {ended.job_id}",
            )
        agreement = _agreement(target, ended.job_id, Path(file))
    if json:
        print_results(target, ended.job_id)
    counts = {name: value for name, value in (ended.result or {}).items() if isinstance(value, int)}
    parts = [f"{counts[one.value]:,} {one.value.replace('_', ' ')}" for one in LineStatus if counts.get(one.value)]
    remark(f"{plural(sum(counts.values()), 'photograph')}: {', '.join(parts)}.", "bold")
    if refused := counts.get("failed", 0) + counts.get("no_face", 0):
        remark(f"kenspeckle jobs results {ended.job_id} tells why of each.", "yellow")
    warn(agreement, find_mixed_people(target.recognizer, target.collection))
    return NEGATIVE if refused else FINE


def _agreement(target: Target, job_id: str, manifest: Path) -> Agreement:
    """What the job stored, by the names that its manifest has; of the first LOOKED_AT lines."""
    agreement = Agreement()
    with manifest.open("rb") as lines:
        named = enumerate(lines, 1)
        for one in all_results(target, job_id, LOOKED_AT):
            if not one.face_ids or not one.identity:
                continue
            line = next((line for number, line in named if number == one.number), b"")
            agreement.took(place_of(line), one.identity, one.face_ids, new=one.status is LineStatus.INDEXED)
    return agreement


@contextmanager
def _manifest(target: Target, path: Path, by: str, *, named: bool) -> Iterator[str]:
    """The path of the manifest, which is made where a bucket is named. Raises CommandFailed."""
    if (place := bucket_of(path)) is None:
        if not path.is_file():
            raise CommandFailed(f"There is no file {path}.")
        yield str(path.absolute())
        return
    bucket, prefix = place
    with tempfile.NamedTemporaryFile(prefix="kenspeckle-manifest-") as file, closing(Identities()) as identities:
        names = list_objects(target.settings, bucket, prefix, remote=target.remote)
        count, refused = write_manifest(file, bucket, names, by, identities if named else None)  # type: ignore[arg-type]  # a wrapper
        file.flush()
        for name, why in refused[:SHOWN]:
            remark(f"  skipped {printable(name)}: {why}", "yellow")
        if len(refused) > SHOWN:
            remark(f"  and {len(refused) - SHOWN} more.", "yellow")
        if not count:
            raise CommandFailed(f"No photographs under s3://{bucket}/{prefix}.", "Name a bucket and the begin of keys.")
        yield file.name
