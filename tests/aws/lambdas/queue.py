"""The queue between bucket and function on moto's server, and what AWS does between the two: the event source."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.session import Session

BATCH = 5


@dataclass(frozen=True)
class Queue:
    """A queue with a dead-letter queue behind it."""

    client: Any
    url: str
    dead_url: str
    seconds: int

    def work_off(self, function: Callable[[Any], Any]) -> None:
        """Give messages to the function as AWS does, until there are none: in batches, deleting those of a batch that
        it has not named as failed; the others are seen again after the visibility timeout."""
        while self._is_left():
            got = self.client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=BATCH, AttributeNames=["All"], WaitTimeSeconds=0
            ).get("Messages", [])
            if not got:
                time.sleep(0.1)
                continue
            failed = function({"Records": [_record(one) for one in got]})["batchItemFailures"]
            names = {one["itemIdentifier"] for one in failed}
            for one in got:
                if one["MessageId"] not in names:
                    self.client.delete_message(QueueUrl=self.url, ReceiptHandle=one["ReceiptHandle"])

    def _is_left(self) -> bool:
        """Asked twice: both numbers are counted one after the other, and a message that becomes visible between the two
        is in neither. It stays as it is for seconds then."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answers = [self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names) for _ in range(2)]
        return any(int(answer["Attributes"][name]) for answer in answers for name in names)

    def dead(self) -> list[str]:
        """Bodies of the messages that went to the dead-letter queue."""
        answer = self.client.receive_message(QueueUrl=self.dead_url, MaxNumberOfMessages=10)
        return [one["Body"] for one in answer.get("Messages", [])]


@contextmanager
def queue(s3: Any, bucket: str, *, seconds: int, most: int) -> Iterator[Queue]:
    """A queue that the bucket tells of what is put under incoming/. After `most` times a message is dead."""
    client = Session().create_client("sqs", endpoint_url=s3.meta.endpoint_url)
    dead_url = client.create_queue(QueueName="incoming-dead")["QueueUrl"]
    dead_arn = _arn(client, dead_url)
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": most})
    attributes = {"VisibilityTimeout": str(seconds), "RedrivePolicy": redrive}
    url = client.create_queue(QueueName="incoming", Attributes=attributes)["QueueUrl"]
    rule = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}}
    told = {"QueueArn": _arn(client, url), "Events": ["s3:ObjectCreated:*"], "Filter": rule}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]})
    try:
        yield Queue(client, url, dead_url, seconds)
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        for one in (url, dead_url):
            client.delete_queue(QueueUrl=one)


def _arn(client: Any, url: str) -> str:
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def _record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:incoming",
        "awsRegion": "eu-central-1",
    }
