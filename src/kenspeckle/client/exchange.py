"""Requests and answers of the REST API without a connection: what both clients, with and without asyncio, share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from kenspeckle import __version__, errors
from kenspeckle.client.errors import ClientError, ServerUnreachable, UnknownAnswer
from kenspeckle.client.request import Request
from kenspeckle.client.requests import NOT_OFFERED, REQUESTS
from kenspeckle.domain.attributes import ALL
from kenspeckle.domain.operations import Operation

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BYTES = "application/octet-stream"


def connection(url: str, api_key: str | None, timeout: float, **more: Any) -> dict[str, Any]:
    """Parameters of httpx's client. `timeout` is in seconds, for each wait on the server; connecting has 10 at most.

    Raises ClientError for an address or a key that can't be one."""
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ClientError(f"--url '{url}' is no address: {error}.", "Give http://host:port.") from error
    if base.scheme not in ("http", "https") or not base.host:
        raise ClientError(f"--url '{url}' is no address of a server.", "Give http://host:port.")
    if api_key and not (api_key.isascii() and api_key.isprintable()):
        # Otherwise a later error message would show the key.
        raise ClientError(
            "The API key has characters that no key has.", "Check --api-key and KENSPECKLE_API_KEY for line ends."
        )
    return {
        "base_url": base,
        "headers": {"user-agent": f"kenspeckle/{__version__}", **({"x-api-key": api_key} if api_key else {})},
        "timeout": httpx.Timeout(timeout, connect=min(10, timeout)),
        "trust_env": base.host not in LOOPBACK,  # a proxy from the environment can't reach this machine's loopback
        **more,
    }


def hide_password(url: str) -> str:
    """The address as messages show it, without a password."""
    return str(httpx.URL(url).copy_with(userinfo=b"")).rstrip("/")


def request_of(operation: Operation[Any]) -> Request:
    """Raises NotOffered for what the REST API has no route for."""
    kind = type(operation)
    if kind in NOT_OFFERED:
        raise errors.NotOffered(NOT_OFFERED[kind])
    return REQUESTS[kind]


def needs_default(request: Request, operation: object) -> bool:
    """Whether the path names the server's default collection."""
    return "{collection}" in request.path(operation) and not getattr(operation, "collection_id", "")


def to_httpx(request: Request, operation: object, default: str) -> dict[str, Any]:
    """The request as parameters of httpx; `default` is the server's default collection, where it is needed."""
    return {
        "method": request.method(operation),
        "url": request.path(operation).format_map(_Segments(operation, default)),
        "params": _parameters(request.query, operation) or None,
        **_body(request, operation),
    }


def json_body(body: object | None) -> dict[str, Any]:
    """A JSON body as parameters of httpx; None: no body."""
    return {} if body is None else {"content": orjson.dumps(body), "headers": {"content-type": "application/json"}}


def load_answer(request: Request, operation: object, response: httpx.Response) -> Any:
    """The answer in the response. Raises ClientError where it is not one of this version of Kenspeckle."""
    if request.load is None:
        return response.content
    try:
        return request.load(json_of(response) if response.content else {}, operation)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise foreign(response) from error


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in the response. Raises ClientError."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise foreign(response, "no JSON")
    return answer


def unreachable(error: httpx.HTTPError, url: str) -> ServerUnreachable:
    """The error of a request that got no answer."""
    if isinstance(error, httpx.ConnectError):
        return ServerUnreachable(f"No server answers at {url}.", "Start it with `kenspeckle serve`.")
    return ServerUnreachable(f"The connection to {url} failed: {error or type(error).__name__}.")


def foreign(response: httpx.Response, what: str = "something else than was asked for") -> UnknownAnswer:
    """The error of an answer that is none of Kenspeckle's, or of another version's."""
    url = response.url.copy_with(userinfo=b"")
    return UnknownAnswer(f"{url} answers {what}.", "Is --url the address of a Kenspeckle server?")


def other_version(info: Mapping[str, object]) -> str:
    """The next step where the server is of another version; "" where it is of this one."""
    version = str(info.get("version", ""))
    if not version or version == __version__:
        return ""
    return (
        f"The server is Kenspeckle {version}, this client {__version__}. Those whose first two numbers are the same go "
        "together."
    )


def problem(response: httpx.Response, url: str) -> Exception:
    """The domain error that the server met, by the stable code of its problem+json."""
    try:
        answer = orjson.loads(response.content)
        code, detail = str(answer["code"]), str(answer["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        if response.status_code in (502, 503, 504):  # of a proxy whose server is down
            return ServerUnreachable(f"{url} answers {response.status_code} {response.reason_phrase}.")
        return ClientError(
            f"{url} answered {response.status_code} {response.reason_phrase}.",
            "Is --url the address of a Kenspeckle server?",
        )
    if code in ("not_found", "method_not_allowed"):  # of the route; what else is not found has a code of its own
        return UnknownAnswer(f"{detail} ({code})", "Is --url the address of a Kenspeckle server?")
    known = _codes()
    if code in known:
        return known[code](detail, field=answer.get("field"))
    request_id = answer.get("request_id", "")
    return ClientError(f"{detail} ({code})", f"The server's log has more under {request_id}." if request_id else "")


def _codes() -> dict[str, type[errors.KenspeckleError]]:
    """Every domain error by its code."""
    found: dict[str, type[errors.KenspeckleError]] = {}
    left = [errors.KenspeckleError]
    while left:
        one = left.pop()
        found[one.code] = one
        left += one.__subclasses__()
    return found


class _Segments(Mapping[str, str]):
    """Fields of an operation as segments of a path; `collection` is its collection or the default one."""

    def __init__(self, operation: object, default: str) -> None:
        self._operation = operation
        self._default = default

    def __getitem__(self, name: str) -> str:
        if name == "collection":
            return _segment(getattr(self._operation, "collection_id", "") or self._default)
        return _segment(getattr(self._operation, name) or "")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _segment(name: str) -> str:
    """A name as one segment of a path. A name of dots only would be taken for a folder and is refused here."""
    if name in ("", ".", ".."):
        raise errors.InvalidValue(f"'{name}' can't be a name; it needs a character other than '.'.")
    return quote(name, safe="")


def _parameters(query: Sequence[str], operation: object) -> dict[str, str]:
    """Parameters of the query, without those that have no value."""
    found: dict[str, str] = {}
    for entry in query:
        name, _, field = entry.partition("=")
        value = getattr(operation, field or name)
        if isinstance(value, frozenset):  # attributes
            found[name] = "ALL" if value == ALL else ",".join(sorted(value)) or "DEFAULT"
        elif value is not None and value is not False and value != "":
            found[name] = "true" if value is True else str(value)
    return found


class _FileContent:
    """The bytes of a file, read while they are sent; opened again where the request is repeated."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __iter__(self) -> Iterator[bytes]:
        with Path(self._path).open("rb") as file:
            while data := file.read(1 << 20):
                yield data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for data in self:
            yield data


def _file(path: str) -> dict[str, Any]:
    try:
        size = Path(path).stat().st_size
    except OSError as error:
        raise ClientError(f"{path} can't be read: {error.strerror}.") from error
    return {"content": _FileContent(path), "headers": {"content-type": BYTES, "content-length": str(size)}}


def _files(names: Sequence[str], operation: object) -> Iterator[tuple[str, tuple[str, bytes, str]]]:
    """Photographs as files of a form: a field with several is as many files."""
    for name in names:
        value = getattr(operation, name)
        for one in (value,) if isinstance(value, bytes) else value:
            yield name, (name, one, BYTES)


def _body(request: Request, operation: object) -> dict[str, Any]:
    """The body as parameters of httpx."""
    if request.file is not None:
        return _file(request.file(operation))
    if request.photographs:
        return {"files": list(_files(request.photographs, operation))}
    headers = dict(request.headers(operation))
    if request.photograph:
        return {"content": getattr(operation, request.photograph), "headers": {"content-type": BYTES, **headers}}
    if request.json is None:
        return {"headers": headers}
    return {
        "content": orjson.dumps(request.json(operation)),
        "headers": {"content-type": "application/json", **headers},
    }
