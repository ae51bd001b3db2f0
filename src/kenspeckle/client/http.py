"""A recognizer over the REST API of a server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from kenspeckle import errors
from kenspeckle.client.errors import CommandFailed, ServerUnreachable
from kenspeckle.client.requests import NOT_OFFERED, REQUESTS, Request
from kenspeckle.domain.operations import A, Operation

ATTEMPTS = 6
"""Tries of a request that the server refuses because it is busy; every request made here may be repeated."""
LONGEST_PAUSE = 30.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BYTES = "application/octet-stream"


class Remote:
    """Implements `ports.Recognizer` over one server's REST API; an empty collection is the server's default.

    Raises the server's errors as domain errors; ServerUnreachable where it can't be reached.
    """

    def __init__(self, url: str, api_key: str | None = None) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise CommandFailed(f"--url '{url}' is no address: {error}.", "Give http://host:port.") from error
        if base.scheme not in ("http", "https") or not base.host:
            raise CommandFailed(f"--url '{url}' is no address of a server.", "Give http://host:port.")
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            # Otherwise a later error message would show the key.
            raise CommandFailed(
                "The API key has characters that no key has.", "Check --api-key and KENSPECKLE_API_KEY for line ends."
            )
        self._url = str(base.copy_with(userinfo=b"")).rstrip("/")  # as messages show it
        self._client = httpx.Client(
            base_url=base,
            headers={"x-api-key": api_key} if api_key else {},
            timeout=httpx.Timeout(120, connect=10),
            trust_env=base.host not in LOOPBACK,  # a proxy from the environment can't reach this machine's loopback
        )
        self._default: str | None = None

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def handle(self, operation: Operation[A]) -> A:
        """Raises NotOffered for what the REST API has no route for."""
        kind = type(operation)
        if kind in NOT_OFFERED:
            raise errors.NotOffered(NOT_OFFERED[kind])
        request = REQUESTS[kind]
        response = self._ask(
            request.method,
            request.path(operation).format_map(_Segments(operation, self)),
            _parameters(request.query, operation),
            **_body(request, operation),
        )
        answer: A = _loaded(request, operation, response)
        return answer

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        """The server itself limits the counts to the key's collections."""
        return _json(self._ask("GET", "/v1/info"))

    def ready(self) -> None:
        self._ask("GET", "/readyz")

    def call(
        self, method: str, path: str, body: object | None = None, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The answer of a route that is no operation of the recognizer. Raises as `handle`."""
        sent = {} if body is None else {"content": orjson.dumps(body), "headers": {"content-type": "application/json"}}
        return dict(_json(self._ask(method, path, parameters, **sent)))

    def default_collection(self) -> str:
        """The server's, asked for once."""
        if self._default is None:
            self._default = str(self.info()["collection"])
        return self._default

    def _ask(
        self, method: str, path: str, parameters: Mapping[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """One request, repeated as long as the server is busy. Raises the error that it answers."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._client.request(method, path, params=parameters or None, **request)
            except httpx.ConnectError as error:
                raise ServerUnreachable(
                    f"No server answers at {self._url}.", "Start it with `kenspeckle serve`."
                ) from error
            except httpx.HTTPError as error:
                raise ServerUnreachable(
                    f"The connection to {self._url} failed: {error or type(error).__name__}."
                ) from error
            if response.status_code not in (429, 503) or attempt == ATTEMPTS:
                break
            pause = _pause(response, attempt)
            if response.status_code == 429 and pause > LONGEST_PAUSE:
                break  # A quota is used up; the wait may be days.
            time.sleep(min(pause, LONGEST_PAUSE))
        if not response.is_success:
            raise _problem(response, self._url)
        return response


class _Segments(Mapping[str, str]):
    """Fields of an operation as segments of a path; `collection` is its collection or the server's default one."""

    def __init__(self, operation: object, remote: Remote) -> None:
        self._operation = operation
        self._remote = remote

    def __getitem__(self, name: str) -> str:
        if name == "collection":
            return _segment(getattr(self._operation, "collection_id", "") or self._remote.default_collection())
        return _segment(getattr(self._operation, name) or "")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _segment(name: str) -> str:
    """A name as one segment of a path. A name of dots only would be taken for a folder and is refused here."""
    if name in ("", ".", ".."):
        raise errors.InvalidValue(f"'{name}' is no name that the service takes.")
    return quote(name, safe="")


def _parameters(query: Sequence[str], operation: object) -> dict[str, str]:
    """Parameters of the query, without those that have no value."""
    found: dict[str, str] = {}
    for entry in query:
        name, _, field = entry.partition("=")
        value = getattr(operation, field or name)
        if value is not None and value is not False and value != "":
            found[name] = "true" if value is True else str(value)
    return found


def _body(request: Request, operation: object) -> dict[str, Any]:
    """The body as parameters of httpx."""
    if request.photographs:
        return {"files": {name: (name, getattr(operation, name), BYTES) for name in request.photographs}}
    headers = dict(request.headers(operation))
    if request.photograph:
        return {"content": getattr(operation, request.photograph), "headers": {"content-type": BYTES, **headers}}
    if request.json is None:
        return {"headers": headers}
    return {
        "content": orjson.dumps(request.json(operation)),
        "headers": {"content-type": "application/json", **headers},
    }


def _loaded(request: Request, operation: object, response: httpx.Response) -> Any:
    """The answer in the response. Raises CommandFailed where the server is not a Kenspeckle."""
    if request.load is None:
        return response.content
    try:
        return request.load(_json(response) if response.content else {}, operation)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(response) from error


def _pause(response: httpx.Response, attempt: int) -> float:
    try:
        wanted = float(response.headers.get("retry-after", ""))
    except ValueError:
        wanted = 0.25 * 2**attempt
    return max(0.1, wanted)  # in this order a NaN is not the larger one


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise _foreign(response, "no JSON")
    return answer


def _foreign(response: httpx.Response, what: str = "something else than was asked for") -> CommandFailed:
    url = response.url.copy_with(userinfo=b"")
    return CommandFailed(f"{url} answers {what}.", "Is --url the address of a Kenspeckle server?")


def _problem(response: httpx.Response, url: str) -> Exception:
    """The domain error that the server met, by the stable code of its problem+json."""
    try:
        answer = orjson.loads(response.content)
        code, detail = str(answer["code"]), str(answer["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        if response.status_code in (502, 503, 504):  # of a proxy whose server is down
            return ServerUnreachable(f"{url} answers {response.status_code} {response.reason_phrase}.")
        return CommandFailed(
            f"{url} answered {response.status_code} {response.reason_phrase}.",
            "Is --url the address of a Kenspeckle server?",
        )
    known = _codes()
    if code in known:
        return known[code](detail, field=answer.get("field"))
    request_id = answer.get("request_id", "")
    return CommandFailed(f"{detail} ({code})", f"The server's log has more under {request_id}." if request_id else "")


def _codes() -> dict[str, type[errors.KenspeckleError]]:
    """Every domain error by its code."""
    found: dict[str, type[errors.KenspeckleError]] = {}
    left = [errors.KenspeckleError]
    while left:
        one = left.pop()
        found[one.code] = one
        left += one.__subclasses__()
    return found
