"""Reads request bodies: counted, within a deadline, and parsed only when complete. Photographs, pairs and JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pybase64
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Receive

from kenspeckle.errors import ImageTooLarge, InvalidValue, UnsupportedImage
from kenspeckle.serving.budget import BODIES, Share
from kenspeckle.serving.pieces import Pieces
from kenspeckle.usecases.access.authorization import PRINCIPAL

GRACE_SECONDS = 10.0
"""Time to send a body, to which each received byte adds 1 / SLOWEST."""
SLOWEST = 16 * 1024
"""Least bytes a second, so that no slow client keeps a place in the queue."""
BLOCK = 1 << 20
"""Bytes of a large body that are handed on at once."""
JSON_BYTES = 1024 * 1024
FORM_BYTES = 64 * 1024
"""Allowance for a form's part headers, and for the head of a data: URL with its line breaks."""

LARGE_FORM = 256 * 1024
"""Bytes of a form from which on it is taken apart in a thread."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SPACE = b" \t\r\n"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_TEXT = frozenset(range(0x20, 0x7F)) | set(_SPACE)

M = TypeVar("M", bound=BaseModel)


class ClientDisconnected(Exception):
    """The client closed the connection before its request was complete; there is nobody to answer."""


class TooLong(Exception):
    """The body has more bytes than the request may have."""


class TooSlow(Exception):
    """The body came more slowly than SLOWEST; says so to the client."""


@dataclass(frozen=True, slots=True)
class Body:
    """A photograph as it was received: image bytes, or base64 text of them."""

    data: bytes
    content_type: str
    limit: int
    field: str = "body"

    def image(self) -> bytes:
        """Bytes of the image, decoded from base64; takes time for large texts, so call it in a worker thread.

        Raises UnsupportedImage (empty), InvalidValue (broken base64), ImageTooLarge."""
        if not self.data:
            raise UnsupportedImage(
                "The body is empty. Send the photograph's bytes, for example with: curl --data-binary @photo.jpg",
                field=self.field,
            )
        declared = self.content_type.startswith("text/")
        image = _decode(self.data, declared, self.field) if _is_text(self.data) else self.data
        if len(image) > self.limit:
            raise _too_large(self.limit, self.field)
        return image


async def photograph(request: Request, limit: int) -> Body:
    """The body of a request as a photograph of at most `limit` bytes, before base64 text is decoded."""
    headers = request.headers
    content_type = media_type(headers)
    if content_type == "multipart/form-data":
        raise UnsupportedImage(
            "This route takes the photograph itself as the body, not a form. With curl: --data-binary @photo.jpg",
            field="body",
        )
    most = limit if content_type.startswith("image/") else base64_size(limit)
    return Body(await read(request, most, limit), content_type, limit)


async def pair(request: Request, limit: int) -> tuple[Body, Body]:
    """`source` and `target` of a multipart form, each a photograph of at most `limit` bytes, as file or as text."""
    if media_type(request.headers) != "multipart/form-data":
        raise InvalidValue(
            "This route takes a form (multipart/form-data) with the photographs 'source' and 'target'. "
            "With curl: -F source=@a.jpg -F target=@b.jpg",
            field="body",
        )
    data = await read(request, 2 * base64_size(limit), limit)
    form = await _form(request.headers, data, ("source", "target"))
    unknown = set(form) - {"source", "target"}
    if unknown:
        raise InvalidValue(f"The form has the part {min(unknown)!r}; known are source and target.", field="body")
    return await _part(form, "source", limit), await _part(form, "target", limit)


async def parts(request: Request, names: Sequence[str], limit: int) -> tuple[Body, ...]:
    """The named parts of a multipart form, each a photograph of at most `limit` bytes; other parts are not looked at.

    Raises InvalidValue whose field is the part that is not there once."""
    data = await read(request, len(names) * base64_size(limit), limit)
    form = await _form(request.headers, data, names, others=6)
    return tuple([await _part(form, name, limit) for name in names])


async def several(request: Request, name: str, most: int, limit: int) -> tuple[Body, ...]:
    """1 to `most` parts of that name of a multipart form, photographs of at most `limit` bytes together."""
    if media_type(request.headers) != "multipart/form-data":
        raise InvalidValue(
            f"This route takes a form (multipart/form-data) with photographs that are named '{name}'. "
            f"With curl: -F {name}=@a.jpg -F {name}=@b.jpg",
            field="body",
        )
    form = await _form(request.headers, await read(request, base64_size(limit), limit), (name,), others=most)
    values = form.getlist(name)
    if set(form) - {name} or not 1 <= len(values) <= most:
        raise InvalidValue(f"The form needs 1 to {most} parts, all named {name!r}.", field="body")
    return tuple([await _body_of(one, name, limit) for one in values])


async def json(request: Request, model: type[M]) -> M:
    """The body as JSON of the given shape. Raises pydantic's ValidationError, InvalidValue for a body too long."""
    data = await read(request, JSON_BYTES, None)
    return model.model_validate_json(data or b"{}")


async def read(request: Request, most: int, image_limit: int | None) -> bytes:
    """The whole body, at most `most` bytes: by its declared length first, then counted.

    Raises ImageTooLarge (InvalidValue where no `image_limit` is given), ClientDisconnected, and 408 for a client too
    slow."""
    headers = request.headers
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise UnsupportedImage(f"The body is encoded with {encoding[:40]!r}; send it as it is.", field="body")
    declared = headers.get("content-length")
    if declared is not None and (not declared.isdecimal() or len(declared) > 20 or int(declared) > most):
        raise _refusal(image_limit, most)
    state = request.scope["state"]
    share = state.get(BODIES)
    if share is not None:
        share.known = PRINCIPAL in state
    try:
        return await receive_body(request.receive, most, share)
    except TooLong:
        raise _refusal(image_limit, most) from None
    except TooSlow as error:
        raise HTTPException(408, str(error), headers={"connection": "close"}) from None


async def receive_body(receive: Receive, most: int, share: Share | None = None) -> bytes:
    """The whole body, counted while it comes; of the budget for bodies it takes what it has received.

    Raises ClientDisconnected, TooLong beyond `most` bytes, TooSlow, and Overloaded where the budget has no more."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pieces = Pieces()
    try:
        async with asyncio.timeout(GRACE_SECONDS) as deadline:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                chunk: bytes = message.get("body", b"")
                if pieces.size + len(chunk) > most:
                    raise TooLong
                if share is not None:
                    share.take(len(chunk))
                more: bool = message.get("more_body", False)
                if not more and not pieces.size:
                    return chunk
                pieces.add(chunk)
                if not more:
                    return pieces.join()
                deadline.reschedule(begun + GRACE_SECONDS + pieces.size / SLOWEST)
    except TimeoutError:
        raise TooSlow(
            f"The body came too slowly: {pieces.size} bytes in {loop.time() - begun:.0f} s. Send it again, or less at "
            "once."
        ) from None
    finally:
        pieces.close()


async def store_body(
    request: Request, most: int, refuse: Callable[[], Exception], write: Callable[[bytes], Awaitable[None]]
) -> int:
    """Hand the body on, block by block, as it comes, so that none of it stays in memory; its size.

    Raises what `refuse` makes beyond `most` bytes, ClientDisconnected, and 408 for a client too slow."""
    declared = request.headers.get("content-length")
    if declared is not None and (not declared.isdecimal() or len(declared) > 20 or int(declared) > most):
        raise refuse()
    loop = asyncio.get_running_loop()
    begun, size, block = loop.time(), 0, bytearray()
    waited = 0.0
    try:
        async with asyncio.timeout(GRACE_SECONDS) as deadline:
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                block += message.get("body", b"")
                more: bool = message.get("more_body", False)
                if size + len(block) > most:
                    raise refuse()
                if len(block) >= BLOCK or (block and not more):
                    size += len(block)
                    deadline.reschedule(None)  # the disk's time is not the client's
                    since = loop.time()
                    await write(bytes(block))
                    waited += loop.time() - since
                    block.clear()
                if not more:
                    return size
                deadline.reschedule(begun + waited + GRACE_SECONDS + (size + len(block)) / SLOWEST)
    except TimeoutError:
        said = f"The body came too slowly: {size} bytes in {loop.time() - begun:.0f} s. Send it again, or less at once."
        raise HTTPException(408, said, headers={"connection": "close"}) from None


def media_type(headers: Headers) -> str:
    """Of the body, as its head declares it: lower case, without parameters; empty for none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def base64_size(limit: int) -> int:
    """Bytes of base64 text with a line break every 64 characters and the head of a data: URL."""
    return limit * 4 // 3 + limit // 24 + FORM_BYTES


def _refusal(image_limit: int | None, most: int) -> Exception:
    if image_limit is not None:
        return _too_large(image_limit, "body")
    return InvalidValue(f"The body is larger than {most} bytes; send less at once.", field="body")


def _too_large(limit: int, field: str) -> ImageTooLarge:
    return ImageTooLarge(
        f"The photograph is larger than {limit} bytes. Send a smaller one; the operator sets the limit "
        "(KENSPECKLE_MAX_IMAGE_BYTES).",
        field=field,
    )


def _is_text(data: bytes) -> bool:
    """No accepted image format begins with 16 printable characters."""
    return all(byte in _TEXT for byte in data[:16])


def _decode(data: bytes, declared: bool, field: str) -> bytes:
    """Bytes of base64 text (either alphabet, with or without padding, line breaks or a data: URL's head).

    Text that is no base64 and was not `declared` to be text is returned unchanged; the engine will refuse it."""
    text = data.strip(_SPACE)
    if text[:5].lower() == b"data:":
        head, comma, text = text.partition(b",")
        if not comma or not head.lower().endswith(b";base64"):
            raise InvalidValue("The data: URL must be of the form data:image/jpeg;base64,....", field=field)
        declared = True
    compact = text.translate(_URL_SAFE, _SPACE).rstrip(b"=")
    strange = compact.translate(None, _ALPHABET)
    if strange and declared:
        position = text.translate(_URL_SAFE).index(strange[:1])
        raise InvalidValue(
            f"The base64 text has {chr(strange[0])!r} at position {position}, which is no character of base64.",
            field=field,
        )
    if strange:
        return data
    if len(compact) % 4 == 1:
        if not declared:
            return data
        raise InvalidValue(
            f"The base64 text is cut short: {len(compact)} characters are no whole number of bytes.", field=field
        )
    return pybase64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)


async def _form(headers: Headers, data: bytes, names: Sequence[str], others: int = 0) -> FormData:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield data
        yield b""

    most = len(names) + others
    parser = MultiPartParser(headers, stream(), max_files=most, max_fields=most, max_part_size=len(data) + 1)
    # No part is written to a temporary file; the body was counted and is in memory already.
    parser.spool_max_size = len(data) + 1
    wanted = " and one ".join(f"'{name}'" for name in names)
    try:
        if len(data) < LARGE_FORM:
            return await parser.parse()
        # Parts without a file name are taken apart line by line: 38 MiB take a second, and others ask meanwhile.
        return await run_in_threadpool(asyncio.run, parser.parse())
    except (MultiPartException, ValueError, KeyError) as error:  # ValueError: a charset that is none for text
        raise InvalidValue(
            f"The form can't be read. It must be multipart/form-data with one {wanted}.", field="body"
        ) from error


async def _part(form: FormData, name: str, limit: int) -> Body:
    values = form.getlist(name)
    if len(values) != 1:
        raise InvalidValue(f"The form needs exactly one part named {name!r}; it has {len(values)}.", field=name)
    return await _body_of(values[0], name, limit)


async def _body_of(value: UploadFile | str, name: str, limit: int) -> Body:
    if isinstance(value, UploadFile):
        return Body(await value.read(), (value.content_type or "").lower(), limit, name)
    # The form's charset may have produced characters that UTF-8 can't encode.
    return Body(value.encode("utf-8", "replace"), "text/plain", limit, name)
