"""The contract of `ports.Engine`: the engine that tests of the core draw with, and the real one with the weights of the
built-in packs and of an added one, which has 512 dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from kenspeckle.compose import own_packs
from kenspeckle.errors import UnsupportedImage
from kenspeckle.models import install, registry
from kenspeckle.models.own_description import describe
from kenspeckle.ports import Engine
from kenspeckle.settings import Settings, load
from kenspeckle.vision import engine as real
from tests.fakes.drawn import DrawnEngine, drawing
from tests.models import own_network


@pytest.fixture(scope="module", params=["fake", "sface", "centerface-dlib", "wide"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, bytes]:
    """An engine and a photograph on which it finds a face."""
    if request.param == "fake":
        return DrawnEngine(), drawing(0.3, 1.2)
    models_dir = load(environ={}).models_dir
    sample = install.samples(models_dir, lambda *_: None).grace_hopper.read_bytes()
    if request.param != "wide":
        return real.Engine(install.pull(models_dir, request.param, lambda *_: None), Settings()), sample
    folder = tmp_path_factory.mktemp("own")
    for name in ("sface", "samples"):
        (folder / name).symlink_to(models_dir / name)
    (folder / "wide.onnx").write_bytes(own_network.wide(512))
    settings = load({"models_dir": folder}, environ={})
    description = describe({"name": "wide", "embedder": str(folder / "wide.onnx")})
    own_packs.add(settings, description, lambda *_: None)
    return real.Engine(registry.find(folder, "wide"), settings), sample


def test_faces_come_largest_first_and_each_has_its_template(seen: tuple[Engine, bytes]) -> None:
    engine, data = seen
    photo = engine.open(data)
    assert min(photo.width, photo.height) > 0
    assert photo.media_type.startswith("image/")
    faces = engine.detect(photo)
    assert faces
    assert [one.box.area for one in faces] == sorted((one.box.area for one in faces), reverse=True)
    assert all(0 <= one.confidence <= 100 for one in faces)
    assert engine.detect(photo, largest_only=True)[0].box.area == pytest.approx(faces[0].box.area, rel=0.5)
    templates = engine.embed(photo, faces)
    assert [one.shape for one in templates] == [(engine.pack.dimension,)] * len(faces)
    assert all(one.dtype == np.float32 for one in templates)
    assert engine.embed(photo, ()) == []


def test_a_face_is_cut_out(seen: tuple[Engine, bytes]) -> None:
    engine, data = seen
    photo = engine.open(data)
    assert engine.thumbnail(photo, engine.detect(photo)[0].box)


def test_what_is_no_photograph_is_refused(seen: tuple[Engine, bytes]) -> None:
    with pytest.raises(UnsupportedImage):
        seen[0].open(b"nothing of the kind")
