"""Templates by themselves: compared with stored faces and with one another; what no pack can have made is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from kenspeckle.domain import operations as ops
from kenspeckle.errors import FaceNotFound, InvalidValue
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.templates import MOST
from tests.fakes.drawn import drawing, recognizer

HOME = "kenspeckle"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def service() -> Iterator[LocalRecognizer]:
    made = recognizer()
    yield made
    made.close()


def described(service: LocalRecognizer, person: float) -> Any:
    (found,) = service.handle(ops.DescribeFaces(collection_id=HOME, image=drawing(person))).faces
    return found[1]


def test_templates_are_compared_with_a_stored_face_or_with_another(service: LocalRecognizer) -> None:
    stored = service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(0.0), external_image_id="ada"))
    face_id = stored.records[0].face.face_id
    ada, stranger = described(service, 0.0), described(service, 1.5)
    for source in ({"face_id": face_id}, {"source": ada}):
        same, other = service.handle(ops.CompareTemplates(collection_id=HOME, targets=[ada, stranger], **source))
        assert same == 100
        assert other < 50
    (near, far) = service.handle(ops.SearchTemplates(collection_id=HOME, templates=[ada, stranger]))
    assert [one.face.face_id for one in near] == [face_id]
    assert far == ()


def test_what_no_pack_can_have_made_is_refused(service: LocalRecognizer) -> None:
    right = described(service, 0.0)
    for templates, why in (
        ([], "Between 1 and"),
        ([right] * (MOST + 1), "Between 1 and"),
        ([right[:-1]], f"has {len(right)} numbers"),
        ([np.zeros_like(right)], "not all 0"),
        ([np.full_like(right, np.nan)], "not all 0"),
    ):
        with pytest.raises(InvalidValue, match=why):
            service.handle(ops.SearchTemplates(collection_id=HOME, templates=templates))
        with pytest.raises(InvalidValue, match=why):
            service.handle(ops.CompareTemplates(collection_id=HOME, targets=templates, source=right))


def test_a_comparison_names_a_face_or_sends_a_template(service: LocalRecognizer) -> None:
    right = described(service, 0.0)
    for source in ({}, {"face_id": UNKNOWN, "source": right}):
        with pytest.raises(InvalidValue, match="and not both"):
            service.handle(ops.CompareTemplates(collection_id=HOME, targets=[right], **source))
    with pytest.raises(FaceNotFound):
        service.handle(ops.CompareTemplates(collection_id=HOME, targets=[right], face_id=UNKNOWN))
