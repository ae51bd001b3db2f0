"""The recognizer behind a REST API elsewhere: the calls that commands make, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from kenspeckle import errors
from kenspeckle.client import shapes as shapes
from kenspeckle.client.errors import CommandFailed, ServerGone
from kenspeckle.domain import (
    Associated,
    Collection,
    Comparison,
    Deleted,
    Erased,
    Erasure,
    Face,
    FaceDetail,
    FaceRecord,
    ImageSearch,
    Indexed,
    Page,
    QualityFilter,
    User,
    UserMatch,
    UserSearch,
)

ATTEMPTS = 6
"""Tries of a request that the server refuses because it is busy; every request made here may be repeated."""
LONGEST_PAUSE = 30.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BYTES = "application/octet-stream"


class Remote:
    """Speaks to one server. Method for method as `ports.Recognizer`; an empty collection is the server's default.

    Raises the server's errors as the domain errors that they were there; ServerGone where it can't be reached.
    """

    def __init__(self, url: str, api_key: str | None = None) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise CommandFailed(f"--url '{url}' is no address: {error}.", "Give http://host:port.") from error
        if base.scheme not in ("http", "https") or not base.host:
            raise CommandFailed(f"--url '{url}' is no address of a server.", "Give http://host:port.")
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            # Else what refuses it later would show it.
            raise CommandFailed(
                "The API key has characters that no key has.", "Check --api-key and KENSPECKLE_API_KEY for line ends."
            )
        self._url = str(base.copy_with(userinfo=b"")).rstrip("/")  # as messages show it
        self._client = httpx.Client(
            base_url=base,
            headers={"x-api-key": api_key} if api_key else {},
            timeout=httpx.Timeout(120, connect=10),
            trust_env=base.host not in LOOPBACK,  # a proxy of the environment can't reach this machine's loopback
        )
        self._default: str | None = None

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def index_faces(
        self,
        collection_id: str,
        image: bytes,
        external_image_id: str | None = None,
        *,
        key: str | None = None,
        metadata: Mapping[str, str] | None = None,
        max_faces: int | None = None,
        quality: QualityFilter | None = None,
    ) -> Indexed:
        """The route knows one name only, so `key` has to be the identity; and it does not tell whether this
        photograph was there already, so `created` is always True."""
        response = self._ask(
            "PUT",
            f"/v1/index/{_part(external_image_id or key or '')}",
            {"collection": collection_id, "max_faces": max_faces, "quality": quality},
            content=image,
            headers={"content-type": BYTES, **{f"x-amz-meta-{k}": v for k, v in (metadata or {}).items()}},
        )
        return shapes.indexed_of(_json(response), collection_id)

    def search_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
        every_face: bool = False,
    ) -> ImageSearch:
        parameters = {
            "collection": collection_id,
            "threshold": threshold,
            "max_faces": max_faces,
            "quality": quality,
            "all_faces": every_face or None,
        }
        response = self._ask("POST", "/v1/search", parameters, content=image, headers={"content-type": BYTES})
        return shapes.search_of(_json(response), collection_id)

    def detect_faces(self, image: bytes) -> tuple[FaceDetail, ...]:
        response = self._ask("POST", "/v1/detect", content=image, headers={"content-type": BYTES})
        return tuple(shapes.detail_of(one) for one in _json(response)["FaceDetails"])

    def compare_faces(
        self,
        source: bytes,
        target: bytes,
        *,
        threshold: float | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> Comparison:
        files = {"source": ("source", source, BYTES), "target": ("target", target, BYTES)}
        response = self._ask("POST", "/v1/compare", {"threshold": threshold, "quality": quality}, files=files)
        return shapes.comparison_of(_json(response))

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection:
        body = orjson.dumps({"CollectionId": collection_id, **({"Tags": dict(tags)} if tags else {})})
        self._ask("POST", "/v1/collections", content=body, headers={"content-type": "application/json"})
        return self.describe_collection(collection_id)

    def describe_collection(self, collection_id: str) -> Collection:
        return shapes.collection_of(_json(self._ask("GET", f"/v1/collections/{_part(collection_id)}")))

    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]:
        answer = _json(self._ask("GET", "/v1/collections", {"limit": limit, "cursor": cursor}))
        return shapes.page_of(answer, "Collections", shapes.collection_of)

    def delete_collection(self, collection_id: str) -> None:
        self._ask("DELETE", f"/v1/collections/{_part(collection_id)}")

    def get_face(self, collection_id: str, face_id: str) -> FaceRecord:
        answer = _json(self._ask("GET", self._faces(collection_id, face_id)))
        return shapes.record_of(answer, collection_id)

    def list_faces(
        self,
        collection_id: str,
        limit: int = 100,
        cursor: str | None = None,
        *,
        user_id: str | None = None,
        external_image_id: str | None = None,
    ) -> Page[Face]:
        parameters = {"limit": limit, "cursor": cursor, "user_id": user_id, "external_image_id": external_image_id}
        answer = _json(self._ask("GET", self._faces(collection_id), parameters))
        return shapes.page_of(answer, "Faces", lambda one: shapes.face_of(one, collection_id))

    def delete_faces(self, collection_id: str, face_ids: Sequence[str]) -> Deleted:
        body = orjson.dumps({"FaceIds": list(face_ids)})
        path = f"{self._collection(collection_id)}/faces/delete"
        response = self._ask("POST", path, content=body, headers={"content-type": "application/json"})
        return shapes.deleted_of(_json(response))

    def erase(self, collection_id: str, what: Erasure, name: str = "") -> Erased:
        if what is Erasure.IMAGE:
            response = self._ask("DELETE", f"/v1/images/{_part(name)}", {"collection": collection_id})
        elif what is Erasure.IDENTITY:
            response = self._ask("DELETE", self._faces(collection_id), {"external_image_id": name})
        elif what is Erasure.USER:
            response = self._ask("DELETE", self._users(collection_id, name), {"faces": True})
        else:
            response = self._ask("DELETE", self._collection(collection_id), {"receipt": True})
        return shapes.erased_of(_json(response))

    def retain(self, collection_id: str, days: int | None) -> Collection:
        body = orjson.dumps({"RetentionDays": days})
        path = f"/v1/collections/{_part(collection_id)}"
        return shapes.collection_of(
            _json(self._ask("PUT", path, content=body, headers={"content-type": "application/json"}))
        )

    def thumbnail(self, collection_id: str, face_id: str) -> bytes:
        return self._ask("GET", f"/v1/faces/{_part(face_id)}/thumbnail", {"collection": collection_id}).content

    def create_user(self, collection_id: str, user_id: str) -> None:
        self._ask("PUT", self._users(collection_id, user_id))

    def delete_user(self, collection_id: str, user_id: str) -> None:
        self._ask("DELETE", self._users(collection_id, user_id))

    def list_users(self, collection_id: str, limit: int = 100, cursor: str | None = None) -> Page[User]:
        answer = _json(self._ask("GET", self._users(collection_id), {"limit": limit, "cursor": cursor}))
        return shapes.page_of(answer, "Users", lambda one: shapes.user_of(one, collection_id))

    def associate_faces(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, threshold: float = 75.0
    ) -> Associated:
        body = orjson.dumps({"FaceIds": list(face_ids), "UserMatchThreshold": threshold})
        path = f"{self._users(collection_id, user_id)}/faces"
        return shapes.associated_of(_json(self._ask("POST", path, content=body)))

    def disassociate_faces(self, collection_id: str, user_id: str, face_ids: Sequence[str]) -> Associated:
        path = f"{self._users(collection_id, user_id)}/faces/delete"
        return shapes.associated_of(_json(self._ask("POST", path, content=orjson.dumps({"FaceIds": list(face_ids)}))))

    def search_users(
        self,
        collection_id: str,
        *,
        user_id: str | None = None,
        face_id: str | None = None,
        threshold: float | None = None,
        max_users: int | None = None,
    ) -> tuple[UserMatch, ...]:
        """Raises NotOffered for a search by a stored face, for which the REST API has no route."""
        if user_id is None:
            raise errors.NotOffered(
                "The REST API can't search users by a stored face. Search by a photograph or a user."
            )
        path = f"{self._users(collection_id, user_id)}/search"
        answer = _json(self._ask("POST", path, {"threshold": threshold, "max_users": max_users}))
        return shapes.user_matches_of(answer, collection_id)

    def search_users_by_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_users: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> UserSearch:
        path = f"{self._collection(collection_id)}/users/search"
        parameters = {"threshold": threshold, "max_users": max_users, "quality": quality}
        response = self._ask("POST", path, parameters, content=image, headers={"content-type": BYTES})
        return shapes.user_search_of(_json(response), collection_id)

    def _collection(self, collection_id: str) -> str:
        """Path of the collection; the server's default one where none is named."""
        if not collection_id and self._default is None:
            self._default = str(_json(self._ask("GET", "/v1/info"))["collection"])
        return f"/v1/collections/{_part(collection_id or self._default or '')}"

    def _faces(self, collection_id: str, face_id: str | None = None) -> str:
        return f"{self._collection(collection_id)}/faces" + (f"/{_part(face_id)}" if face_id is not None else "")

    def _users(self, collection_id: str, user_id: str | None = None) -> str:
        return f"{self._collection(collection_id)}/users" + (f"/{_part(user_id)}" if user_id is not None else "")

    def _ask(
        self, method: str, path: str, parameters: Mapping[str, Any] | None = None, **request: Any
    ) -> httpx.Response:
        """One request, repeated as long as the server is busy. Raises the error that it answers."""
        query = {name: _text(value) for name, value in (parameters or {}).items() if value not in (None, "")}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._client.request(method, path, params=query, **request)
            except httpx.ConnectError as error:
                raise ServerGone(f"No server answers at {self._url}.", "Start it with `kenspeckle serve`.") from error
            except httpx.HTTPError as error:
                raise ServerGone(f"{self._url} broke off: {error or type(error).__name__}.") from error
            if response.status_code not in (429, 503) or attempt == ATTEMPTS:
                break
            pause = _pause(response, attempt)
            if response.status_code == 429 and pause > LONGEST_PAUSE:
                break  # A quota is used up; it may be days until there is more.
            time.sleep(min(pause, LONGEST_PAUSE))
        if not response.is_success:
            raise _problem(response, self._url)
        return response


def _part(name: str) -> str:
    """A name as one segment of a path. Dots alone would be taken for a folder, so the rule is told here."""
    if name in ("", ".", ".."):
        raise errors.InvalidValue(f"'{name}' is no name that the service takes.")
    return quote(name, safe="")


def _text(value: Any) -> str:
    return "true" if value is True else str(value)


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
        url = response.url.copy_with(userinfo=b"")
        raise CommandFailed(f"{url} answers no JSON.", "Is --url the address of a Kenspeckle server?")
    return answer


def _problem(response: httpx.Response, url: str) -> Exception:
    """The domain error that the server met, by the stable code of its problem+json."""
    try:
        answer = orjson.loads(response.content)
        code, detail = str(answer["code"]), str(answer["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        if response.status_code in (502, 503, 504):  # of a proxy, before which there is no server
            return ServerGone(f"{url} answers {response.status_code} {response.reason_phrase}.")
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
