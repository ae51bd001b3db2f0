"""The pytest plugin: what it gives to the tests of others, and that it costs nothing until it is asked."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

from kenspeckle.testing.endpoint import Endpoint
from kenspeckle.testing.stub import template
from tests.cli.test_commands import HEAVY

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rekognition(kenspeckle: Endpoint) -> Any:
    return boto3.client("rekognition", **kenspeckle.aws)


def test_a_program_for_rekognition_is_tested_without_amazon(kenspeckle: Endpoint, rekognition: Any) -> None:
    rekognition.create_collection(CollectionId="guests")
    stored = rekognition.index_faces(
        CollectionId="guests", ExternalImageId="Ada", Image={"Bytes": kenspeckle.photograph("Ada")}
    )
    assert len(stored["FaceRecords"]) == 1
    party = kenspeckle.photograph("Grace", "Ada")
    found = rekognition.search_faces_by_image(CollectionId="guests", Image={"Bytes": party})
    assert found["FaceMatches"] == [], "the largest face is Grace's, whom nobody has indexed"
    alone = rekognition.search_faces_by_image(CollectionId="guests", Image={"Bytes": kenspeckle.photograph("Ada")})
    (match,) = alone["FaceMatches"]
    assert match["Face"]["ExternalImageId"] == "Ada"
    assert 99 <= match["Similarity"] < 100
    assert len(rekognition.detect_faces(Image={"Bytes": party})["FaceDetails"]) == 2
    compared = rekognition.compare_faces(
        SourceImage={"Bytes": kenspeckle.photograph("Ada")}, TargetImage={"Bytes": party}
    )
    assert (len(compared["FaceMatches"]), len(compared["UnmatchedFaces"])) == (1, 1)
    with pytest.raises(botocore.exceptions.ClientError, match="no faces"):
        rekognition.search_faces_by_image(CollectionId="guests", Image={"Bytes": kenspeckle.photograph()})
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidImageFormat"):
        rekognition.detect_faces(Image={"Bytes": b"no picture"})


def test_each_test_begins_with_nothing(kenspeckle: Endpoint, rekognition: Any) -> None:
    """The collection of the test before would be there."""
    assert rekognition.list_collections()["CollectionIds"] == [kenspeckle.collection]
    assert rekognition.list_faces(CollectionId=kenspeckle.collection)["Faces"] == []


def test_a_picture_of_ones_own_shows_whom_it_is_said_to_show(kenspeckle: Endpoint) -> None:
    own = kenspeckle.photograph()
    with kenspeckle.client() as client:
        assert client.detect(own) == ()
        kenspeckle.shows(own, "Ada", "Grace")
        assert len(client.detect(own)) == 2


def test_strangers_are_told_apart() -> None:
    names = [f"person {number}" for number in range(40)]
    one, other = ([template(name, picture) for name in names] for picture in (b"1", b"2"))
    for place, name in enumerate(names):
        near = [float(one[place] @ each) for each in other]
        assert near[place] > 0.98, name
        assert max(each for number, each in enumerate(near) if number != place) < 0.6


def test_the_plugin_loads_nothing_until_it_is_asked() -> None:
    program = (
        "import json, sys; before = set(sys.modules); import kenspeckle.testing.plugin\n"
        "print(json.dumps(sorted(name for name in set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import pytest; {program}"], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert {name for name in loaded if name.startswith("kenspeckle")} == {
        "kenspeckle",
        "kenspeckle.testing",
        "kenspeckle.testing.plugin",
    }
    assert not loaded & set(HEAVY)


def test_pytest_finds_it_by_the_entry_point_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"kenspeckle": "kenspeckle.testing.plugin"}
