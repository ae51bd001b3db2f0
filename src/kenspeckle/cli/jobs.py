"""`kenspeckle jobs`: long work listed, shown, waited for and cancelled, in the local data folder or of a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from kenspeckle.cli import options, output, progress
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.failures import FAILED, FINE, report_errors
from kenspeckle.client.pages import all_of
from kenspeckle.compose.target import Target, open_target
from kenspeckle.domain import UNFINISHED, Job, JobState, LineResult
from kenspeckle.domain import operations as ops
from kenspeckle.shapes import dump
from kenspeckle.text import plural

app = Commands("Jobs: long work on collections. A service does it beside requests.")

JobId = Annotated[str, typer.Argument(metavar="ID", help="Id of the job, as `kenspeckle jobs list` prints it.")]
_STATES = " or ".join(", ".join(JobState).rsplit(", ", 1))
MOST = 100
PAGE = 4096


@app.command("list")
@report_errors(FAILED)
def list_(
    state: Annotated[
        JobState | None,
        typer.Option("--state", metavar="STATE", help=f"Only jobs that are {_STATES}.", show_default="all"),
    ] = None,
    limit: options.Limit = MOST,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """List jobs, newest first; finished ones for 30 days."""
    with open_target(url, api_key, data_dir, lists=True) as target:
        some = min(limit, MOST)
        found = list(
            all_of(lambda cursor: target.recognizer.handle(ops.ListJobs(state=state, limit=some, cursor=cursor)), limit)
        )
    if json:
        output.emit([dump.job(one) for one in found])
    elif found:
        rows = [
            (
                one.job_id,
                one.kind.value,
                one.collection_id or "",
                "cancelling" if one.cancelling and one.state in UNFINISHED else one.state.value,
                f"{one.done:,} of {one.total:,}" if one.total else "",
                output.moment(one.created_at),
                output.moment(one.finished_at or 0),
            )
            for one in found
        ]
        output.table(("job", "kind", "collection", "state", "done", "created", "finished"), rows)
    else:
        output.say("No jobs.")


@app.command()
@report_errors(FAILED)
def show(
    job_id: JobId,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show one job, with its progress and result."""
    with open_target(url, api_key, data_dir, lists=True) as target:
        print_job(target.recognizer.handle(ops.GetJob(job_id=job_id)), json)


@app.command()
@report_errors(FAILED)
def wait(
    job_id: JobId,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Wait for the end of a job; exit code 1 where it did not succeed. Where nobody serves the data folder, it runs
    here."""
    with open_target(url, api_key, data_dir) as target:
        ended = wait_for_end(target, target.recognizer.handle(ops.GetJob(job_id=job_id)))
    print_job(ended, json)
    raise typer.Exit(FINE if ended.state is JobState.SUCCEEDED else FAILED)


@app.command()
@report_errors(FAILED)
def cancel(
    job_id: JobId,
    json: options.Json = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Cancel a job and wait until it has ended and undone what it did. A finished one stays as it is."""
    with open_target(url, api_key, data_dir) as target:
        asked = target.recognizer.handle(ops.CancelJob(job_id=job_id))
        ended = target.finish(job_id, lambda job: None) if asked.state in UNFINISHED else asked
    print_job(ended, json)


@app.command()
@report_errors(FAILED)
def results(
    job_id: JobId,
    url: options.Url = None,
    api_key: options.ApiKey = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show what became of each line of a manifest that a job indexes, as JSON Lines."""
    with open_target(url, api_key, data_dir) as target:
        print_results(target, job_id)


def wait_for_end(target: Target, job: Job) -> Job:
    """Wait for the end of a job, with a progress bar; after Ctrl-C the job continues later."""
    title = job.kind.value.capitalize() + (f" of {job.collection_id}" if job.collection_id else "")
    with progress.steps(job=title) as bar:
        try:
            return target.finish(job.job_id, lambda one: bar("job", one.done, one.total))
        except KeyboardInterrupt:
            output.remark(
                f"Job {job.job_id} is not finished. A service goes on with it, or: kenspeckle jobs wait {job.job_id}"
            )
            raise


def print_results(target: Target, job_id: str) -> None:
    """Print a line of JSON for each line of the job's manifest."""
    for one in all_results(target, job_id):
        output.emit(dump.line_result(one), line=True)


def all_results(target: Target, job_id: str, most: int | None = None) -> Iterator[LineResult]:
    """What became of the lines of the job's manifest, in their order; of the first `most`."""
    return all_of(
        lambda cursor: target.recognizer.handle(ops.ListIndexResults(job_id=job_id, limit=PAGE, cursor=cursor)), most
    )


def print_job(job: Job, json: bool) -> None:
    """Print the job on standard output."""
    if json:
        output.emit(dump.job(job))
        return
    what = f" of collection {job.collection_id}" if job.collection_id else ""
    far = f", {job.done:,} of {plural(job.total, 'step')} done" if job.total else ""
    output.say(f"{job.job_id}: {job.kind.value}{what}, {job.state.value}{far}.")
    if job.error:
        output.say(job.error)
    for name, value in (job.result or {}).items():
        output.say(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
