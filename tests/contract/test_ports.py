"""What the ports' texts claim: which have a fake and a suite for both, and which run on the real thing alone."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from kenspeckle import ports
from tests.api.fake import FakeRecognizer
from tests.fakes import FakeCatalog, FakeImages
from tests.fakes.drawn import BruteIndex, DrawnEngine
from tests.fakes.jobs import FakeJobs

HERE = Path(__file__).parent
FAKES: Mapping[str, tuple[type, str]] = {
    "Engine": (DrawnEngine, "test_engine.py"),
    "Catalog": (FakeCatalog, "test_catalog.py"),
    "Keys": (FakeCatalog, "test_catalog_users.py"),
    "SharedSettings": (FakeCatalog, "test_shared_settings.py"),
    "Images": (FakeImages, "test_images.py"),
    "Index": (BruteIndex, "test_index.py"),
    "Jobs": (FakeJobs, "test_jobs.py"),
}
"""Fake of a port, and the suite of this folder that runs over it and the real thing."""

REAL = {
    *(
        "Copies",
        "CatalogReplacer",
        "ReservedPlace",
        "Dumps",
        "Converting",
        "Storage",
        "Inspection",
    ),  # files of the catalog
    "Vault",  # part of Catalog
    "ReceiptStore",  # of the SQL catalog, tested by test_completion.py of erasure
    "Examiner",  # by the engine, tested with indexing
    "Manifests",  # of the SQL catalog, tested with indexing
    "Buckets",  # tested with Amazon's protocol and with indexing
    "People",  # of the SQL catalog, tested by test_catalog_people.py
    *("Mirrors", "VectorStore"),  # of the SQL catalog and a real Milvus, tests/milvus
    "Staging",  # of the SQL catalog, tested with real packs by test_upgrade.py of compose
    *("Trail", "Anchors", "Usage", "Webhooks", "Deriver", "Sealer", "Transport"),
    *("Photo", "Staged", "Successor"),  # what an engine, a store and an index give out, tested with them
    *("Videos", "VideoDecoder", "VideoReader", "StagedVideos", "Incoming", "VideoBuckets", "Topics"),  # test_videos.py
    "CameraDecoder",  # by a real server, tests/vision/test_camera.py
    "Engines",  # its fake has all engines at once, test_engines.py of compose loads and drops them
    "Recognizer",  # its fake answers edges, and is no recognizer
}


def test_the_documentation_tells_it_of_every_port() -> None:
    page = (HERE.parents[1] / "docs" / "architecture.md").read_text("utf-8")
    section = page.partition("### Which ports have fakes")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    told = {name: row[2] for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert told.keys() == FAKES.keys() | REAL
    assert {name for name, how in told.items() if "a fake" in how} == FAKES.keys()
    for name, (_, suite) in FAKES.items():
        assert f"tests/contract/{suite}" in told[name]
    for path in re.findall(r"`(tests/[\w./]+)`", section):
        assert (HERE.parents[1] / path).exists(), path


def members(port: type) -> dict[str, inspect.Signature]:
    found = inspect.getmembers(port, lambda one: inspect.isfunction(one) and not one.__name__.startswith("_"))
    return {name: inspect.signature(one) for name, one in found}


def test_every_port_is_known_here() -> None:
    named = {name for name in ports.__all__ if getattr(getattr(ports, name), "_is_protocol", False)}
    assert named == set(FAKES) | REAL


@pytest.mark.parametrize("name", FAKES)
def test_a_fake_has_all_of_its_port_and_the_suite_runs_over_both(name: str) -> None:
    fake, suite = FAKES[name]
    for member, signature in members(getattr(ports, name)).items():
        if member != "close" or hasattr(fake, member):
            assert list(inspect.signature(getattr(fake, member)).parameters) == list(signature.parameters), member
    text = (HERE / suite).read_text("utf-8") + (HERE / "conftest.py").read_text("utf-8")
    assert '"fake"' in text
    assert f"ports.{name}" in str(fake.__doc__) + text


def test_edges_have_a_fake_of_the_recognizer() -> None:
    for member in members(ports.Recognizer):
        assert hasattr(FakeRecognizer, member), member
