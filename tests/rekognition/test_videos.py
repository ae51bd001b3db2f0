"""boto3's four operations on stored video against a real service, with S3, SNS and SQS on loopback."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from kenspeckle.aws.topics import SnsTopics
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.errors import BucketNotAllowed
from kenspeckle.images.client_buckets import ClientBuckets
from kenspeckle.ports import NotPublished
from kenspeckle.settings import load
from tests.rekognition.served import running
from tests.rekognition.test_real import client
from tests.s3server import served_s3
from tests.videos import EILEEN, GRACE, SAMPLES, empty, make, shot, silence, two_people

HOME = "visitors"
BUCKET = "videos"
ROLE = "arn:aws:iam::123456789012:role/rekognition"
SOON = 120.0


@dataclass(frozen=True)
class Amazon:
    """Clients, and where the end of jobs is told."""

    client: Any
    limited: Any
    s3: Any
    sqs: Any
    topic: str
    queue: str
    service: Service

    def ended(self, get: Callable[..., Any], job_id: str, **more: Any) -> Any:
        until = time.monotonic() + SOON
        while (found := get(JobId=job_id, **more))["JobStatus"] == "IN_PROGRESS":
            assert time.monotonic() < until
            time.sleep(0.1)
        return found

    def told(self, job_id: str) -> Any:
        """The message about the job."""
        until = time.monotonic() + SOON
        while time.monotonic() < until:
            for one in self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=1).get("Messages", ()):
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
                message = json.loads(json.loads(one["Body"])["Message"])
                if message["JobId"] == job_id:
                    return message
        raise AssertionError("nothing was told")


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    folder = tmp_path_factory.mktemp("amazon")
    with served_s3() as s3, pytest.MonkeyPatch.context() as patch:
        for name in ("SNS", "SQS"):
            patch.setenv(f"AWS_ENDPOINT_URL_{name}", s3.url)
        sns, sqs = (Session().create_client(one) for one in ("sns", "sqs"))
        topic = sns.create_topic(Name="AmazonRekognitionVideos")["TopicArn"]
        queue = sqs.create_queue(QueueName="ended")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        s3.bucket(BUCKET)
        s3.bucket("others")
        for name, path in {
            "two.mp4": two_people(folder / "two.mp4"),
            "one.mp4": make(folder / "one.mp4", [(0.4, shot((EILEEN, 150, 20)))]),
            "sound.m4a": silence(folder / "sound.m4a"),
            "large.mkv": make(folder / "large.mkv", [(1, empty)]),
        }.items():
            s3.client.put_object(Bucket=BUCKET, Key=name, Body=path.read_bytes())
        s3.client.put_object(Bucket="others", Key="two.mp4", Body=(folder / "two.mp4").read_bytes())
        settings = {
            "data_dir": folder / "data",
            "s3_buckets": f"{BUCKET}[{HOME}]=s3://{BUCKET}",
            "sns_topics": f"{topic},arn:aws:sns:eu-central-1:123456789012:gone",
            "max_video_bytes": 1_000_000,
        }
        service = build(load(settings, environ={}))
        assert isinstance(service, Service)
        everything = service.access.create("all", ["admin"], aws=True)
        limited = service.access.create("limited", ["search"], aws=True, collections=["staff"])
        try:
            with running(service.serve()) as url:
                made = client(url, everything)
                for collection in (HOME, "staff"):
                    made.create_collection(CollectionId=collection)
                for name in (GRACE, EILEEN):
                    photograph = {"Bytes": (SAMPLES / name).read_bytes()}
                    made.index_faces(CollectionId=HOME, Image=photograph, ExternalImageId=name)
                yield Amazon(made, client(url, limited), s3.client, sqs, topic, queue, service)
        finally:
            service.close()


def video(name: str = "two.mp4", bucket: str = BUCKET) -> Any:
    return {"S3Object": {"Bucket": bucket, "Name": name}}


def refused(call: Callable[..., Any], **asked: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    return str(caught.value.response["Error"]["Code"])


def test_a_search_from_start_to_the_notice(amazon: Amazon) -> None:
    channel = {"SNSTopicArn": amazon.topic, "RoleArn": ROLE}
    job_id = amazon.client.start_face_search(
        Video=video(), CollectionId=HOME, NotificationChannel=channel, JobTag="door", FaceMatchThreshold=90
    )["JobId"]
    told = amazon.told(job_id)
    assert (told["Status"], told["API"], told["JobTag"]) == ("SUCCEEDED", "StartFaceSearch", "door")
    assert told["Video"] == {"S3ObjectName": "two.mp4", "S3Bucket": BUCKET}
    found = amazon.client.get_face_search(JobId=job_id)
    assert (found["JobStatus"], found["JobTag"], found["Video"]) == ("SUCCEEDED", "door", video())
    assert found["VideoMetadata"] == {
        "Codec": "h264",
        "DurationMillis": 5000,
        "Format": "MP4",
        "FrameRate": 10.0,
        "FrameHeight": 360,
        "FrameWidth": 640,
        "ColorRange": "LIMITED",
    }
    stamps = [one["Timestamp"] for one in found["Persons"]]
    assert stamps == sorted(stamps)
    names: dict[int, set[str]] = {}
    for one in found["Persons"]:
        for match in one.get("FaceMatches", ()):
            names.setdefault(one["Person"]["Index"], set()).add(match["Face"]["ExternalImageId"])
        assert one["Person"]["Face"]["BoundingBox"] == one["Person"]["BoundingBox"]
    assert sorted(names.values(), key=str) == sorted([{GRACE}, {EILEEN}], key=str)


def test_pages_by_index(amazon: Amazon) -> None:
    job_id = amazon.client.start_face_search(Video=video(), CollectionId=HOME)["JobId"]
    whole = amazon.ended(amazon.client.get_face_search, job_id, MaxResults=5000)["Persons"]
    pages, token = [], None
    while True:
        more: dict[str, Any] = {} if token is None else {"NextToken": token}
        page = amazon.client.get_face_search(JobId=job_id, MaxResults=7, SortBy="INDEX", **more)
        assert len(page["Persons"]) <= 7
        assert page["VideoMetadata"]["Codec"] == "h264"
        pages += page["Persons"]
        token = page.get("NextToken")
        if token is None:
            break
    assert pages == sorted(whole, key=lambda one: (one["Person"]["Index"], one["Timestamp"]))
    assert refused(amazon.client.get_face_search, JobId=job_id, NextToken="x") == "InvalidPaginationTokenException"


def test_detection(amazon: Amazon) -> None:
    job_id = amazon.client.start_face_detection(Video=video(), FaceAttributes="ALL")["JobId"]
    found = amazon.ended(amazon.client.get_face_detection, job_id)
    assert len(found["Faces"]) > 20
    full = [one["Face"] for one in found["Faces"] if len(one["Face"]["Landmarks"]) == 30]
    assert len(full) > 20
    assert all({"AgeRange", "Smile", "EyesOpen", "MouthOpen"} <= set(one) for one in full)
    assert not any("Gender" in one or "Emotions" in one for one in full)
    plain = amazon.client.start_face_detection(Video=video("one.mp4"), FaceAttributes="DEFAULT")["JobId"]
    (face, *_) = amazon.ended(amazon.client.get_face_detection, plain)["Faces"]
    assert len(face["Face"]["Landmarks"]) == 5
    assert "AgeRange" not in face["Face"]
    assert refused(amazon.client.get_face_search, JobId=job_id) == "ResourceNotFoundException"


def test_the_same_token(amazon: Amazon) -> None:
    asked = {"Video": video(), "CollectionId": HOME, "ClientRequestToken": "token-1"}
    first = amazon.client.start_face_search(**asked)["JobId"]
    assert amazon.client.start_face_search(**asked)["JobId"] == first
    for other in ({"JobTag": "other"}, {"NotificationChannel": {"SNSTopicArn": amazon.topic, "RoleArn": ROLE}}):
        code = refused(amazon.client.start_face_search, **{**asked, **other})
        assert code == "IdempotentParameterMismatchException"


def test_a_video_that_fails_says_why(amazon: Amazon) -> None:
    channel = {"SNSTopicArn": amazon.topic, "RoleArn": ROLE}
    job_id = amazon.client.start_face_detection(Video=video("sound.m4a"), NotificationChannel=channel)["JobId"]
    found = amazon.ended(amazon.client.get_face_detection, job_id)
    assert found["JobStatus"] == "FAILED"
    assert "only sound" in found["StatusMessage"]
    assert amazon.told(job_id)["Status"] == "FAILED"


def test_a_topic_that_is_gone_changes_nothing(amazon: Amazon) -> None:
    channel = {"SNSTopicArn": "arn:aws:sns:eu-central-1:123456789012:gone", "RoleArn": ROLE}
    asked = {"Video": video("large.mkv"), "NotificationChannel": channel}
    job_id = amazon.client.start_face_detection(**asked)["JobId"]
    assert amazon.ended(amazon.client.get_face_detection, job_id)["JobStatus"] == "SUCCEEDED"


def test_an_endpoint_of_sns_that_is_gone_is_no_error_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told again later: `NotPublished` is what `Notices` waits after."""
    topic = "arn:aws:sns:eu-central-1:123456789012:ended"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{closed.getsockname()[1]}")
    topics = SnsTopics(topic)
    with pytest.raises(NotPublished, match="SNS does not take the message"):
        topics.publish(topic, "{}", "job-1")
    with pytest.raises(NotPublished, match="does not name the topic"):
        topics.publish(topic + "-other", "{}", "job-1")


def test_a_fifo_topic_delivers_a_notice_that_comes_again_once(amazon: Amazon) -> None:
    """Also one that does not compare contents by itself."""
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "false"}
    sns = Session().create_client("sns")
    topic = sns.create_topic(Name="ended.fifo", Attributes=fifo)["TopicArn"]
    queue = amazon.sqs.create_queue(QueueName="ended.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = amazon.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    topics = SnsTopics(topic)
    for job_id in ("job-1", "job-1", "job-2"):
        topics.publish(topic, json.dumps({"JobId": job_id}), job_id)
    found = []
    while some := amazon.sqs.receive_message(QueueUrl=queue, AttributeNames=["All"]).get("Messages", ()):
        for one in some:
            found.append(json.loads(json.loads(one["Body"])["Message"])["JobId"])
            assert one["Attributes"]["MessageGroupId"] == "kenspeckle"
            amazon.sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    assert found == ["job-1", "job-2"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Video": video("nothing.mp4")}, "InvalidS3ObjectException"),
        ({"Video": video(bucket="others")}, "InvalidS3ObjectException"),
        ({"Video": video(bucket="nobodys")}, "InvalidS3ObjectException"),
        ({"Video": {}}, "InvalidParameterException"),
        ({"CollectionId": "nobody"}, "ResourceNotFoundException"),
        ({"NotificationChannel": {"SNSTopicArn": "arn:aws:sns:eu-central-1:123456789012:foreign", "RoleArn": ROLE}},
         "InvalidParameterException"),
    ],
)  # fmt: skip
def test_what_can_not_be_started(amazon: Amazon, asked: dict[str, Any], code: str) -> None:
    assert refused(amazon.client.start_face_search, **{"Video": video(), "CollectionId": HOME, **asked}) == code


def test_a_video_that_is_too_large(amazon: Amazon) -> None:
    amazon.s3.put_object(Bucket=BUCKET, Key="huge.mp4", Body=b"x" * 1_000_001)
    code = refused(amazon.client.start_face_search, Video=video("huge.mp4"), CollectionId=HOME)
    assert code == "VideoTooLargeException"


def test_a_limited_key_sees_its_own(amazon: Amazon) -> None:
    job_id = amazon.client.start_face_search(Video=video("large.mkv"), CollectionId=HOME)["JobId"]
    detection = amazon.client.start_face_detection(Video=video("large.mkv"))["JobId"]
    assert refused(amazon.limited.get_face_search, JobId=job_id) == "ResourceNotFoundException"
    assert refused(amazon.limited.get_face_detection, JobId=detection) == "ResourceNotFoundException"
    assert refused(amazon.limited.start_face_search, Video=video(), CollectionId=HOME) == "AccessDeniedException"
    # The bucket is for keys of the other collection.
    assert refused(amazon.limited.start_face_search, Video=video(), CollectionId="staff") == "InvalidS3ObjectException"
    assert refused(amazon.limited.get_face_search, JobId="job-none") == "ResourceNotFoundException"


def test_open_buckets(amazon: Amazon) -> None:

    for others, there in ((True, True), (False, False)):
        buckets = ClientBuckets.parse("", others=others)
        if there:
            buckets.check("others", "two.mp4", None, 1_000_000)
            assert b"".join(buckets.chunks("others", "two.mp4", None, 1_000_000))[4:8] == b"ftyp"
            with pytest.raises(BucketNotAllowed):
                buckets.check("others", "two.mp4", None, 1_000_000, ["staff"])
        else:
            with pytest.raises(BucketNotAllowed):
                buckets.check("others", "two.mp4", None, 1_000_000)
