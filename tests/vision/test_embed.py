"""Embedding: templates are dlib's own, and those of `face_recognition`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kenspeckle.models import registry
from kenspeckle.vision.embed import template
from kenspeckle.vision.sessions import Network
from tests.vision.make_golden import GOLDEN, GOLDEN_SFACE, chips


@pytest.fixture(scope="module")
def network(dlib_pack: registry.InstalledPack) -> Network:
    return Network(dlib_pack.embedder)


def test_templates_are_those_that_dlib_makes(network: Network, samples: registry.Samples) -> None:
    golden = json.loads(Path(GOLDEN).read_text())
    for name, pixels in chips(samples).items():
        found = template(Image.fromarray(pixels), network)
        assert found.dtype == np.float32
        assert found.shape == (128,)
        assert np.abs(found - np.array(golden[name])).max() < 1e-3


@pytest.mark.parametrize("form", ["embedder", "plain_embedder"])
def test_templates_are_those_of_the_published_sface(
    form: str, sface_pack: registry.InstalledPack, samples: registry.Samples
) -> None:
    network = Network(getattr(sface_pack, form))
    golden = json.loads(Path(GOLDEN_SFACE).read_text())
    for name, pixels in chips(samples, 112).items():
        found = template(Image.fromarray(pixels), network)
        assert found == pytest.approx(np.array(golden[name]), abs=1e-3)
