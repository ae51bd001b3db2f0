"""What Amazon's own example of stored video does, its face part: a bucket, a topic, a queue and a role of its own, jobs
whose end it reads from the queue, results, and everything taken away again. boto3 finds all of it by its variables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.settings import load
from tests.rekognition.conforming import attach
from tests.rekognition.served import running
from tests.s3server import served_s3
from tests.videos import EILEEN, GRACE, SAMPLES, two_people

NAME = "doc-example-video-rekognition"
TOPIC = f"arn:aws:sns:eu-central-1:123456789012:{NAME}"
HOME = "kenspeckle"
SOON = 120.0


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a service that was started before there is any bucket or topic; the operator has named the topic."""
    with served_s3() as server, pytest.MonkeyPatch.context() as patch:
        for name in ("SNS", "SQS", "IAM"):
            patch.setenv(f"AWS_ENDPOINT_URL_{name}", server.url)
        settings = {"data_dir": tmp_path_factory.mktemp("data"), "open_buckets": True, "sns_topics": TOPIC}
        service = build(load(settings, environ={}))
        assert isinstance(service, Service)
        try:
            with running(service.serve()) as url:
                patch.setenv("AWS_ENDPOINT_URL_REKOGNITION", url)
                client = boto3.client("rekognition")
                attach(client)
                for name in (GRACE, EILEEN):
                    photograph = {"Bytes": (SAMPLES / name).read_bytes()}
                    client.index_faces(CollectionId=HOME, Image=photograph, ExternalImageId=name)
                yield client
        finally:
            service.close()


@dataclass(frozen=True)
class Channel:
    """A topic, a queue that is subscribed to it, and the role that Amazon's service would publish by."""

    topic: Any
    queue: Any
    role: Any
    policy: Any

    @classmethod
    def made(cls, name: str) -> Channel:
        topic = boto3.resource("sns").create_topic(Name=name)
        queue = boto3.resource("sqs").create_queue(QueueName=name, Attributes={"ReceiveMessageWaitTimeSeconds": "5"})
        arn = queue.attributes["QueueArn"]
        allowed = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SQS:SendMessage", "Resource": arn}
        queue.set_attributes(Attributes={"Policy": json.dumps({"Version": "2008-10-17", "Statement": [allowed]})})
        topic.subscribe(Protocol="sqs", Endpoint=arn)
        iam = boto3.resource("iam")
        trusted = {"Effect": "Allow", "Principal": {"Service": "rekognition.amazonaws.com"}, "Action": "sts:AssumeRole"}
        publishes = {"Effect": "Allow", "Action": "SNS:Publish", "Resource": topic.arn}
        document = {"Version": "2012-10-17", "Statement": [trusted]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        policy = iam.create_policy(
            PolicyName=name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [publishes]})
        )
        role.attach_policy(PolicyArn=policy.arn)
        return cls(topic, queue, role, policy)

    def named(self) -> dict[str, str]:
        return {"RoleArn": self.role.arn, "SNSTopicArn": self.topic.arn}

    def status(self, job_id: str) -> str:
        """What the queue tells of the job; the first message has to be its own."""
        until = time.monotonic() + SOON
        while time.monotonic() < until:
            for one in self.queue.receive_messages(MaxNumberOfMessages=1, WaitTimeSeconds=5):
                message = json.loads(json.loads(one.body)["Message"])
                assert message["JobId"] == job_id
                one.delete()
                return str(message["Status"])
        raise AssertionError("nothing was told")

    def delete(self) -> None:
        self.role.detach_policy(PolicyArn=self.policy.arn)
        for one in (self.policy, self.role, self.queue, self.topic):
            one.delete()


def test_faces_of_a_video_from_the_bucket_to_the_clean_up(amazon: Any, tmp_path: Path) -> None:
    bucket = boto3.resource("s3").create_bucket(
        Bucket=f"doc-example-bucket-rekognition-{time.time_ns()}",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    bucket.Object("two.mp4").upload_file(str(two_people(tmp_path / "two.mp4")))
    video = {"S3Object": {"Bucket": bucket.name, "Name": "two.mp4"}}
    channel = Channel.made(NAME)
    assert channel.topic.arn == TOPIC

    def results(start: Callable[..., Any], get: Callable[..., Any], **asked: Any) -> Any:
        job_id = start(Video=video, NotificationChannel=channel.named(), **asked)["JobId"]
        assert channel.status(job_id) == "SUCCEEDED"
        found = get(JobId=job_id)
        assert found["JobStatus"] == "SUCCEEDED"
        return found

    faces = results(amazon.start_face_detection, amazon.get_face_detection)["Faces"]
    assert len(faces) > 20
    assert {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"} <= set(faces[0]["Face"])
    assert faces[0]["Timestamp"] == 0
    found = results(amazon.start_face_search, amazon.get_face_search, CollectionId=HOME)
    matches = [match for one in found["Persons"] for match in one.get("FaceMatches", ())]
    assert {one["Face"]["ExternalImageId"] for one in matches} == {GRACE, EILEEN}
    channel.delete()
    bucket.objects.delete()
    bucket.delete()
