"""A recognizer over the REST API of a server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx

from kenspeckle.client import exchange
from kenspeckle.client.errors import ClientError, UnknownAnswer
from kenspeckle.client.retries import USUAL, Retries, repeatable
from kenspeckle.domain.operations import A, Operation
from kenspeckle.errors import KenspeckleError


class Remote:
    """Implements `ports.Recognizer` over one server's REST API; an empty collection is the server's default. For many
    threads. Raises the server's errors as domain errors; ServerUnreachable where it can't be reached; ClientError for
    an answer of something else.
    """

    def __init__(
        self, url: str, api_key: str | None = None, *, timeout: float = 120.0, retries: Retries = USUAL
    ) -> None:
        self._client = httpx.Client(**exchange.connection(url, api_key, timeout))
        self._url = exchange.hide_password(url)
        self._retries = retries
        self._default: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def handle(self, operation: Operation[A]) -> A:
        """Raises NotOffered for what the REST API has no route for."""
        request = exchange.request_of(operation)
        default = self.default_collection() if exchange.needs_default(request, operation) else ""
        try:
            response = self._ask(repeatable(type(operation)), **exchange.to_httpx(request, operation, default))
            answer: A = exchange.load_answer(request, operation, response)
        except UnknownAnswer as error:
            with suppress(ClientError, KenspeckleError):
                error.hint = exchange.other_version(self.info()) or error.hint
            raise
        return answer

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        """The server itself limits the counts to the key's collections."""
        return self.call("GET", "/v1/info")

    def ready(self) -> None:
        self._ask(True, method="GET", url="/readyz")

    def call(
        self, method: str, path: str, body: object | None = None, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The answer of a route that is no operation of the recognizer. Raises as `handle`."""
        sent = exchange.json_body(body)
        return exchange.json_of(self._ask(method == "GET", method=method, url=path, params=parameters or None, **sent))

    def default_collection(self) -> str:
        """The server's, asked for once."""
        if self._default is None:
            self._default = str(self.info()["collection"])
        return self._default

    def _ask(self, again: bool, **request: Any) -> httpx.Response:
        """One request, repeated as `Retries` says. Raises the error that it answers."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._client.request(**request)
            except httpx.HTTPError as error:
                broken = again and not isinstance(error, httpx.ConnectError | httpx.TimeoutException)
                pause = self._retries.after_failure(broken, attempt)
                if pause is None:
                    raise exchange.unreachable(error, self._url) from error
            else:
                pause = self._retries.pause(response, attempt)
                if pause is None:
                    break
            time.sleep(pause)
        if not response.is_success:
            raise exchange.problem(response, self._url)
        return response
