"""Implements `ports.Topics` by Amazon SNS, configured as boto3 is, for the topics that the operator has named."""

from __future__ import annotations

import re
import threading
from typing import Any, Final

from kenspeckle.errors import SettingError
from kenspeckle.ports import NotPublished

_TOPIC: Final = re.compile(r"arn:aws(-[a-z]+)*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
_SETTING: Final = "SNS_TOPICS"


class SnsTopics:
    """For many threads. A client is made for each region at the first message."""

    def __init__(self, named: str) -> None:
        """`named` is the setting: ARNs with commas between. Raises SettingError."""
        self._topics = frozenset(filter(None, (one.strip() for one in named.split(","))))
        for one in self._topics:
            if not _TOPIC.fullmatch(one):
                raise SettingError(
                    f"{_SETTING}: '{one}' is no ARN of an SNS topic, such as arn:aws:sns:REGION:ACCOUNT:NAME.",
                    field=_SETTING.lower(),
                )
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def allows(self, topic: str) -> bool:
        return topic in self._topics

    def publish(self, topic: str, message: str, once: str) -> None:
        # Imported here: most services publish nothing.
        from botocore.exceptions import BotoCoreError, ClientError

        if not self.allows(topic):
            raise NotPublished("The operator does not name the topic any more.")
        fifo = topic.endswith(".fifo")
        more = {"MessageGroupId": "kenspeckle", "MessageDeduplicationId": once} if fifo else {}
        try:
            self._client(topic.split(":")[3]).publish(TopicArn=topic, Message=message, **more)
        except (BotoCoreError, ClientError) as error:
            raise NotPublished(f"SNS does not take the message: {error}") from error

    def _client(self, region: str) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        with self._lock:
            if region not in self._clients:
                config = Config(
                    connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}
                )
                self._clients[region] = Session().create_client("sns", region_name=region, config=config)
            return self._clients[region]
