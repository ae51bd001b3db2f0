"""A recognizer whose calls to Amazon are seen, refused, or the last thing that its process does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse

from kenspeckle.aws.recognizer import ManagedRecognizer

SERVICES = ("rekognition", "dynamodb", "s3")


class Died(BaseException):
    """The process ended here: nothing of it that would mend anything runs any more."""


class _Raw:
    """A body as urllib3 hands it over."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


@dataclass
class Watched:
    """`calls` are all requests that were sent, retries too, as service.Operation."""

    recognizer: ManagedRecognizer
    calls: list[str] = field(default_factory=list)

    @contextmanager
    def handling(self, event: str, handler: Callable[..., Any]) -> Iterator[None]:
        """An event of botocore for every service: before-send, after-call."""
        names = [f"{event}.{service}" for service in SERVICES]
        emitters = [self.recognizer.context.amazon.client(service).meta.events for service in SERVICES]
        for emitter, name in zip(emitters, names, strict=True):
            emitter.register(name, handler)
        try:
            yield
        finally:
            for emitter, name in zip(emitters, names, strict=True):
                emitter.unregister(name, handler)

    @contextmanager
    def seen(self) -> Iterator[list[str]]:
        """The calls of the block."""
        self.calls = []
        with self.handling("before-send", self._note):
            yield self.calls

    def _note(self, event_name: str, **_: Any) -> None:
        self.calls.append(event_name.removeprefix("before-send."))

    @contextmanager
    def dying(self, at: int, *, answered: bool) -> Iterator[None]:
        """The process ends at its call number `at`: before that is sent, or once it was `answered`."""
        count = 0

        def die(**_: Any) -> None:
            nonlocal count
            count += 1
            if count == at:
                raise Died

        with self.handling("after-call" if answered else "before-send", die):
            yield

    @contextmanager
    def answering(
        self, operation: str, code: str, message: str, *, status: int = 400, times: int = 99
    ) -> Iterator[None]:
        """Amazon answers this error to `operation` (rekognition.IndexFaces), so many times."""
        left = times

        def answer(request: Any, event_name: str, **_: Any) -> AWSResponse | None:
            nonlocal left
            if event_name != f"before-send.{operation}" or left == 0:
                return None
            left -= 1
            self._note(event_name)
            return _refusal(request.url, operation, code, message, status)

        with self.handling("before-send", answer):
            yield


def _refusal(url: str, operation: str, code: str, message: str, status: int) -> AWSResponse:
    if operation.startswith("s3."):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        return AWSResponse(url, status, {"content-type": "application/xml"}, _Raw(body))
    body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
    return AWSResponse(url, status, {"content-type": "application/x-amz-json-1.1"}, _Raw(body))
