"""`kill -9` in each step of a job that indexes by a manifest: another process goes on, and every line of it is done
once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import JobState, LineResult, LineStatus
from kenspeckle.usecases.indexing.work import MOST_BEGUN
from tests.fakes.drawn import drawing
from tests.faults.test_kill_catalog import REPOSITORY

LINES, SLICE = 12, 3

STEPS: dict[str, tuple[str, str, str]] = {
    "the manifest is stored in part": ("SqlCatalog", "add_slices", "after"),
    "the manifest is stored and has no job": ("SqlCatalog", "add_job", "before"),
    "the job waits": ("SqlCatalog", "add_job", "after"),
    "the job is taken": ("SqlCatalog", "take_job", "after"),
    "a slice is taken": ("SqlCatalog", "take_slice", "after"),
    "photographs are read": ("ClientBuckets", "read", "after"),
    "faces are not stored yet": ("SqlCatalog", "add_photographs", "before"),
    "faces are stored, and their photographs are not in their place": ("SqlCatalog", "add_photographs", "after"),
    "faces are stored, and the slice is not done": ("SqlCatalog", "finish_slice", "before"),
    "a slice is done": ("SqlCatalog", "finish_slice", "after"),
    "all is done but the job": ("SqlCatalog", "finish_job", "before"),
}
"""A process is killed in each, one after the other: before or after a method has done its work."""

WITHOUT_JOB = 2
"""In so many of the first no job is there yet."""

# Imports once and forks a process for each line that it reads. That one begins a job where there is none, or goes on
# with it, and is killed at a step.
NURSERY = """
import json, os, signal, sys
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose.embedded import build
from kenspeckle.compose.engines import PackEngines
from kenspeckle.domain import operations as ops
from kenspeckle.images.client_buckets import ClientBuckets
from kenspeckle.settings import load
from kenspeckle.usecases.indexing import operations, work
from kenspeckle.usecases.jobs import runner
from tests.fakes.drawn import DrawnEngine

data, desk, size = sys.argv[1:]
operations.SLICE, operations.WRITTEN, work.AT_ONCE, work.LOOK_SECONDS = int(size), 1, 1, 0.05
runner.LEASE_SECONDS = work.LEASE_SECONDS = 0.3  # whoever died is not waited for
runner.MOST_ATTEMPTS = 100  # more die here in turn than may elsewhere
runner.LOOK_SECONDS = 0.05

def die_at(place, name, when):
    owner = {"SqlCatalog": SqlCatalog, "ClientBuckets": ClientBuckets}[place]
    plain = getattr(owner, name)

    def killed(*words, **more):
        found = plain(*words, **more) if when == "after" else None
        if when == "before" or found is not None or not name.startswith("take"):
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, killed)

def die_of(names, times):
    plain, left = ClientBuckets.read, [times]

    def read(self, bucket, asked, *more):
        left[0] -= names is None or asked in names
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(self, bucket, asked, *more)

    ClientBuckets.read = read

def do(begins, *step):
    if step:
        (die_at if len(step) == 3 else die_of)(*step)
    given = {"data_dir": data, "host": "127.0.0.1", "workers": 1, "s3_buckets": f"desk=file://{desk}"}
    engine = DrawnEngine()
    engines = PackEngines(engine, lambda: {"drawn": engine.pack}, None, lambda name: None)
    service = build(load(given, environ={}), engines=engines)
    if begins:
        job = service.recognizer.handle(
            ops.StartIndexing(collection_id="kenspeckle", path=f"{desk}/manifest.jsonl")
        )
    else:
        job = service.recognizer.handle(ops.ListJobs(limit=1)).items[0]
    service.jobs.run_one(job.job_id, patience=0)
    service.close()

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            do(*json.loads(line))
            os._exit(0)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def nursery(data: Path, desk: Path) -> Iterator[Callable[..., int]]:
    """How each process ended that was asked for."""
    command = [sys.executable, "-c", NURSERY, str(data), str(desk), str(SLICE)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asks, answers = process.stdin, process.stdout

        def work(*, begins: bool, step: tuple[object, ...] = ()) -> int:
            asks.write(json.dumps([begins, *step]) + "\n")
            asks.flush()
            return int(answers.readline())

        yield work
        asks.close()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder of photographs, and their manifest."""
    folder = tmp_path / "desk"
    folder.mkdir()
    lines = []
    for number in range(LINES):
        (folder / f"{number}.jpg").write_bytes(drawing(0.05 + 0.9 * number / LINES))
        lines.append(json.dumps({"file": f"desk/{number}.jpg", "identity": f"person-{number}"}))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder


def test_a_kill_in_each_step_loses_and_doubles_nothing(desk: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    stored = 0
    with nursery(data, desk) as work:
        for number, (step, where) in enumerate(STEPS.items()):
            begins = number <= WITHOUT_JOB
            assert work(begins=begins, step=where) == -signal.SIGKILL, step
            with closing(SqlCatalog.open(f"sqlite:///{data / 'kenspeckle.db'}")) as catalog:
                now = catalog.collection("kenspeckle").face_count
                assert stored <= now, step
                stored = now
                assert bool(catalog.jobs(None, None, 1, None).items) == (number >= WITHOUT_JOB), step
        assert stored == LINES, step
        assert work(begins=False) == 0
    with closing(SqlCatalog.open(f"sqlite:///{data / 'kenspeckle.db'}")) as catalog:
        (job,) = catalog.jobs(None, None, 10, None).items
        assert (job.state, job.done, job.total) == (JobState.SUCCEEDED, LINES, LINES)
        assert job.result is not None
        assert sum(int(str(count)) for count in job.result.values()) == LINES
        assert set(job.result) <= {"indexed", "present"}
        lines = catalog.index_results(job.job_id, 100, None).items
        assert sorted(one.number for one in lines) == list(range(1, LINES + 1))
        faces = catalog.faces("kenspeckle", 100, None).items
        assert sorted(one.external_image_id or "" for one in faces) == sorted(f"person-{one}" for one in range(LINES))
        photographs = {one.name for one in (data / "images").rglob("*") if one.is_file() and len(one.name) == 64}
        assert len(photographs) == LINES, "every photograph is in its place"


def lines_of(data: Path) -> list[LineResult]:
    """What became of the lines of the job, which has ended."""
    with closing(SqlCatalog.open(f"sqlite:///{data / 'kenspeckle.db'}")) as catalog:
        (job,) = catalog.jobs(None, None, 10, None).items
        assert (job.state, job.done) == (JobState.SUCCEEDED, LINES)
        assert catalog.collection("kenspeckle").face_count == sum(
            bool(one.face_ids) for one in catalog.index_results(job.job_id, 100, None).items
        )
        return list(catalog.index_results(job.job_id, 100, None).items)


def test_kills_at_any_moment_refuse_nothing(desk: Path, tmp_path: Path) -> None:
    """More processes die than may over one line, each after it has read a few photographs."""
    data, dice, deaths = tmp_path / "data", random.Random(7), 0
    with nursery(data, desk) as work:
        while work(begins=not deaths, step=(None, dice.randint(1, 4))):
            deaths += 1
    assert deaths > MOST_BEGUN
    assert {one.status for one in lines_of(data)} <= {LineStatus.INDEXED, LineStatus.PRESENT}


@pytest.mark.parametrize("killers", [("7.jpg",), ("6.jpg", "7.jpg"), ("11.jpg",)])
def test_a_photograph_that_kills_who_reads_it_is_refused_alone(
    desk: Path, tmp_path: Path, killers: tuple[str, ...]
) -> None:
    data, deaths = tmp_path / "data", 0
    with nursery(data, desk) as work:
        while work(begins=not deaths, step=(list(killers), 1)):
            deaths += 1
    assert deaths == 1 + len(killers) * MOST_BEGUN
    wrong = {one.number: one for one in lines_of(data) if one.status is LineStatus.FAILED}
    assert sorted(wrong) == [int(name.removesuffix(".jpg")) + 1 for name in killers]
    assert {(one.code, one.reason) for one in wrong.values()} == {
        ("internal_error", f"{MOST_BEGUN} processes have died while they looked at this photograph.")
    }
