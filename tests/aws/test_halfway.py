"""Requests that end at any step: what they left harms nobody, and the same request again finishes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.domain import Indexed
from kenspeckle.domain import operations as ops
from kenspeckle.errors import KenspeckleError, Overloaded
from tests.aws.amazon import Amazon
from tests.aws.watched import Died, Watched
from tests.soak import either

DAY = 86_400.0


def _matched(recognizer: ManagedRecognizer, collection: str, photograph: bytes) -> list[str]:
    return [
        one.face.face_id
        for one in recognizer.handle(ops.SearchImage(collection_id=collection, image=photograph)).searches[0].matches
    ]


def _known(aws: Amazon, collection: str) -> int:
    """Faces that Rekognition holds, answered or not."""
    return int(aws.rekognition.describe_collection(CollectionId=collection)["FaceCount"])


def _left(aws: Amazon, collection: str) -> tuple[int, int]:
    """Photographs and rows that are stored for the collection."""
    objects = [key for key in aws.objects() if f"/in-{collection}/" in key]
    return len(objects), len(aws.rows(collection))


@pytest.mark.parametrize("answered", [False, True], ids=["before it is sent", "once it is answered"])
@pytest.mark.parametrize("step", [1, 2, 3], ids=["photograph", "faces", "rows"])
def test_an_index_that_died_is_finished_by_the_next(aws: Amazon, grace: bytes, step: int, answered: bool) -> None:
    name, watched = aws.collection(), Watched(aws.recognizer)
    with watched.dying(step, answered=answered), pytest.raises(Died):
        watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg"))
    fresh = aws.recognizer
    stored = (step, answered) == (3, True)
    # What has no rows is not there, whatever Rekognition holds; what has them is stored whole.
    assert (
        len(_matched(fresh, name, grace)) == len(fresh.handle(ops.ListFaces(collection_id=name)).items) == int(stored)
    )
    again = fresh.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg"))
    assert again.created is not stored
    assert _matched(fresh, name, grace) == [again.records[0].face.face_id]
    assert (_known(aws, name), _left(aws, name)) == (1, (1, 2))


def test_a_killed_process_leaves_what_the_next_one_finishes(aws: Amazon, grace: bytes) -> None:
    name = aws.collection()
    code = (
        "import os, signal, sys\n"
        "from kenspeckle import settings\n"
        "from kenspeckle.compose import managed\n"
        "from kenspeckle.domain.operations import IndexFaces\n"
        "recognizer = managed.recognizer(settings.load())\n"
        "events = recognizer.context.amazon.client('dynamodb').meta.events\n"
        "events.register('before-send', lambda **_: os.kill(os.getpid(), signal.SIGKILL))\n"
        "name, data = sys.argv[1], sys.stdin.buffer.read()\n"
        "recognizer.handle(IndexFaces(collection_id=name, image=data, external_image_id='grace.jpg'))\n"
    )
    environment = os.environ | aws.variables
    done = subprocess.run([sys.executable, "-c", code, name], input=grace, env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert (_known(aws, name), _left(aws, name)) == (1, (1, 0))
    recognizer = aws.recognizer
    assert _matched(recognizer, name, grace) == []
    assert recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg")).created
    assert (_known(aws, name), _left(aws, name)) == (1, (1, 2))


def _erase(recognizer: ManagedRecognizer, collection: str) -> object:
    return recognizer.handle(ops.EraseIdentity(collection_id=collection, external_image_id="grace.jpg"))


def _drop(recognizer: ManagedRecognizer, collection: str) -> object:
    return recognizer.handle(ops.DeleteCollection(collection_id=collection))


@pytest.mark.parametrize("verb", [_erase, _drop])
def test_a_removal_that_died_anywhere_is_finished_by_the_next(
    aws: Amazon, grace: bytes, verb: Callable[[ManagedRecognizer, str], object]
) -> None:
    for step in range(1, 40, either(2, 1)):
        name, watched = aws.collection(), Watched(aws.recognizer)
        watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg"))
        try:
            with watched.dying(step, answered=True):
                verb(watched.recognizer, name)
        except Died:
            fresh = aws.recognizer
            if _left(aws, name)[1]:
                verb(fresh, name)
            assert _left(aws, name) == (0, 0), f"after step {step}"
            if verb is not _drop:
                assert _known(aws, name) == 0
            if verb is _erase and step % 4 == 1:
                # Neither does anything of it keep the photograph from coming back.
                assert fresh.handle(
                    ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg")
                ).created
                assert len(_matched(fresh, name, grace)) == 1
        else:
            assert step > 4
            return
    pytest.fail("it never ended")


def test_two_answers_for_one_photograph_agree(aws: Amazon, grace: bytes) -> None:
    name = aws.collection()

    def index(number: int) -> Indexed:
        return aws.recognizer.handle(
            ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg", key=f"{number % 2}.jpg")
        )

    with ThreadPoolExecutor(6) as several:
        answers = list(several.map(index, range(12)))
    assert len({one.records for one in answers}) == 1
    assert sum(one.created for one in answers) == 1
    assert (_known(aws, name), _left(aws, name)) == (1, (1, 2))


def test_a_loser_takes_its_own_faces_back(aws: Amazon, grace: bytes, eileen: bytes) -> None:
    """Should Rekognition, against its word, give two ids to two requests at once."""
    name, recognizer = aws.collection(), aws.recognizer
    first = recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg"))
    other = aws.rekognition.index_faces(CollectionId=name, Image={"Bytes": eileen}, ExternalImageId="grace.jpg")
    call = recognizer.context.amazon.rekognition

    def otherwise(name: str, **parameters: Any) -> object:
        return other if name == "index_faces" else call(name, **parameters)

    # It has not seen that the photograph is there, and is given another face.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognizer.context.bucket, "put", lambda *_: True)
        patch.setattr(recognizer.context.amazon, "rekognition", otherwise)
        answer = recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace.jpg"))
    assert (answer.created, answer.records) == (False, first.records)
    assert recognizer.context.table.row(other["FaceRecords"][0]["Face"]["FaceId"]) is None
    assert (_known(aws, name), _left(aws, name)) == (1, (1, 2))


def test_a_photograph_without_a_face_is_not_kept(aws: Amazon, grace: bytes, rocket: bytes) -> None:
    name, recognizer = aws.collection(), aws.recognizer
    assert recognizer.handle(ops.IndexFaces(collection_id=name, image=rocket, external_image_id="rocket")).records == ()
    for photograph, collection in ((grace[: len(grace) // 2], name), (grace, f"{name}-absent")):
        with pytest.raises(KenspeckleError):
            recognizer.handle(ops.IndexFaces(collection_id=collection, image=photograph, external_image_id="x"))
    assert _left(aws, name) == _left(aws, f"{name}-absent") == (0, 0)


def test_what_was_never_sent_again_is_taken_back(aws: Amazon, grace: bytes, eileen: bytes) -> None:
    name, watched = aws.collection(), Watched(aws.recognizer)
    kept = watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=eileen, external_image_id="eileen"))
    with watched.dying(3, answered=False), pytest.raises(Died):
        watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
    assert (_known(aws, name), _left(aws, name)) == (2, (2, 2))
    aws.reconciled(later=0)
    assert _left(aws, name) == (2, 2), "it may still be at work"
    aws.reconciled(later=DAY)
    assert (_known(aws, name), _left(aws, name)) == (1, (1, 2))
    assert _matched(aws.recognizer, name, eileen) == [kept.records[0].face.face_id]


def test_a_deletion_that_never_ends_is_finished_by_an_index(aws: Amazon, grace: bytes) -> None:
    name, watched = aws.collection(), Watched(aws.recognizer)
    face = (
        watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
        .records[0]
        .face.face_id
    )
    # Rekognition has removed it, and its photograph's row says that it is leaving.
    with watched.dying(4, answered=True), pytest.raises(Died):
        watched.recognizer.handle(ops.DeleteFaces(collection_id=name, face_ids=[face]))
    with pytest.raises(Overloaded):
        aws.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
    again = aws.changed(now=lambda: time.time() + 61).handle(
        ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace")
    )
    assert again.created
    assert again.records[0].face.face_id != face
    assert (_known(aws, name), _left(aws, name)) == (1, (1, 2))
