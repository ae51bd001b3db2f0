"""Commands that list open the catalog alone: nothing of engine, index and images is loaded, and the trail has rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kenspeckle.compose import lists
from kenspeckle.compose.embedded import build
from kenspeckle.domain import operations as ops
from kenspeckle.errors import CollectionNotFound, NotOffered
from kenspeckle.settings import Settings, load

PROGRAM = """
import gc, sys
from kenspeckle.compose.target import open_target
from kenspeckle.domain import operations as ops
from kenspeckle.errors import NotOffered
with open_target(None, None, None, lists=True) as target:
    assert target.recognizer.handle(ops.ListFaces(collection_id=target.collection)).items == ()
    assert not target.remote
    try:
        target.finish("job-1", print)
    except NotOffered:
        pass
assert gc.isenabled()
heavy = ("PIL", "alembic", "botocore", "faiss", "fastapi", "filelock", "httpx", "numpy", "onnxruntime")
others = ("kenspeckle.compose.embedded", "kenspeckle.index", "kenspeckle.images", "kenspeckle.models")
print([one for one in (*heavy, *others) if one in sys.modules])
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"data_dir": tmp_path / "data"}, environ={})


def test_where_nothing_was_stored_yet_the_service_begins(settings: Settings) -> None:
    with lists.open_lists(settings) as listing:
        assert listing is None


def test_it_lists_what_the_catalog_has_and_records_it(settings: Settings) -> None:
    service = build(settings, at_once=False)
    service.close()
    with lists.open_lists(settings) as listing:
        assert listing is not None
        recognizer, default = listing
        assert default == "kenspeckle"
        assert [one.collection_id for one in recognizer.handle(ops.ListCollections()).items] == ["kenspeckle"]
        assert recognizer.handle(ops.ListUsers(collection_id="kenspeckle")).items == ()
        assert recognizer.handle(ops.ListPeople(collection_id="kenspeckle")).items == ()
        assert recognizer.handle(ops.ListGroups(collection_id="kenspeckle")).items == ()
        assert recognizer.handle(ops.ListJobs()).items == ()
        before = recognizer.recorder.trail.audit_head().number
        with pytest.raises(CollectionNotFound):
            recognizer.handle(ops.ListFaces(collection_id="elsewhere"))
        assert recognizer.recorder.trail.audit_head().number == before + 1
        with pytest.raises(NotOffered):
            recognizer.handle(ops.DeleteCollection(collection_id="kenspeckle"))
        with pytest.raises(NotOffered):
            recognizer.info()


def test_it_loads_the_catalog_alone(settings: Settings) -> None:
    service = build(settings, at_once=False)
    service.close()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"KENSPECKLE_DATA_DIR": str(settings.data_dir), "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "[]\n"
