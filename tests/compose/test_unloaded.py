"""Commands beside the service load networks and the libraries of search only for what they are asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kenspeckle.compose.engines import UnloadedEngine
from kenspeckle.ports import Engine
from tests.fakes.drawn import DrawnEngine, drawing

PROGRAM = """
import sys
from kenspeckle.compose.target import open_target
from kenspeckle.domain.operations import ListCollections
with open_target(None, None, None) as target:
    assert [one.collection_id for one in target.recognizer.handle(ListCollections()).items] == ["kenspeckle"]
heavy = ("PIL", "alembic", "botocore", "faiss", "fastapi", "onnxruntime", "openvino")
print([one for one in heavy if one in sys.modules])
"""


def test_an_unloaded_engine_is_loaded_once_with_the_first_photograph() -> None:
    loaded: list[Engine] = []

    def load() -> Engine:
        loaded.append(DrawnEngine())
        return loaded[-1]

    engine = UnloadedEngine(DrawnEngine().pack, load)
    assert engine.pack.name == "drawn"
    assert loaded == [], "to know a pack needs none of its networks"
    photo = engine.open(drawing(0.1, 0.7))
    faces = engine.detect(photo)
    assert len(loaded) == 1
    (own,) = loaded
    assert list(faces) == list(own.detect(photo))
    assert [one.tolist() for one in engine.embed(photo, faces)] == [one.tolist() for one in own.embed(photo, faces)]
    assert engine.clarity(photo, faces) == own.clarity(photo, faces)
    assert engine.thumbnail(photo, faces[0].box) == own.thumbnail(photo, faces[0].box)
    assert len(loaded) == 1


def test_a_command_that_sees_no_photograph_loads_no_network(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"KENSPECKLE_DATA_DIR": str(tmp_path / "data"), "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "[]\n"
