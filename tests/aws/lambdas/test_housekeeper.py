"""The housekeeper, from the zip: what is too old goes, what is not stays, and the log has who did it."""

from __future__ import annotations

import time

from kenspeckle.domain import operations as ops
from tests.aws.amazon import Amazon
from tests.aws.lambdas.runtime import Function

EVENT = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
"""As EventBridge calls once an hour; no more of it is read than that it came."""


def test_faces_go_when_their_time_is_over(aws: Amazon, housekeeper: Function, grace: bytes, eileen: bytes) -> None:
    gallery = aws.collection()
    aws.recognizer.handle(ops.RetainCollection(collection_id=gallery, days=2))
    long_ago = aws.changed(now=lambda: time.time() - 3 * 86_400)
    long_ago.handle(ops.IndexFaces(collection_id=gallery, image=grace, external_image_id="grace.jpg"))
    aws.recognizer.handle(ops.IndexFaces(collection_id=gallery, image=eileen, external_image_id="eileen.png"))
    assert housekeeper(EVENT) is None
    faces = aws.rekognition.list_faces(CollectionId=gallery)["Faces"]
    assert [one["ExternalImageId"] for one in faces] == ["eileen.png"]
    assert housekeeper(EVENT) is None
    assert len(aws.rekognition.list_faces(CollectionId=gallery)["Faces"]) == 1
    trail = [line["audit"] for line in housekeeper.lines() if line["logger"] == "kenspeckle.domain.audit"]
    assert [one["who"] for one in trail if gallery in str(one)] == ["service"]
