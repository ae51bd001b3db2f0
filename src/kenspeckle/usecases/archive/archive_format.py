"""The format of an archive: a plain tar file that any tar program reads, written and read strictly.

Members, in this order: what is backed up, `SHA256SUMS` over all of it (`sha256sum -c` takes it), `manifest.json` with
the digest of that list. An archive without its manifest is incomplete and is refused. Photographs are named by their
digest. A name in an archive never becomes a path.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

import orjson

from kenspeckle.errors import InvalidValue

BLOCK: Final = 512
CHUNK: Final = 1 << 20

SUMS: Final = "SHA256SUMS"
MANIFEST: Final = "manifest.json"
CATALOG: Final = "catalog.db"
MASTER_KEY: Final = "master.key"
FACES: Final = "faces.jsonl"
_PLAIN: Final = {CATALOG, MASTER_KEY, FACES, SUMS, MANIFEST}
_PHOTOGRAPH: Final = re.compile(r"images/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")

_OPTIONS: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_OCTAL_END: Final = 8**11
END: Final = bytes(2 * BLOCK)

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


def photograph(digest: str) -> str:
    """The member that holds a photograph."""
    return f"images/{digest[:2]}/{digest[2:4]}/{digest}"


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive: where its bytes begin, and how many they are. `digest` is that of a photograph."""

    name: str
    offset: int
    size: int

    @property
    def digest(self) -> str | None:
        found = _PHOTOGRAPH.fullmatch(self.name)
        return found[3] if found else None

    @property
    def end(self) -> int:
        """Where the next header begins."""
        return self.offset + self.size + -self.size % BLOCK


def seal(facts: Mapping[str, Any]) -> bytes:
    """JSON of the facts with the SHA-256 of that JSON among them."""
    digest = hashlib.sha256(orjson.dumps(facts, option=_OPTIONS)).hexdigest()
    return orjson.dumps({**facts, "sha256": digest}, option=_OPTIONS)


def unseal(data: bytes, otherwise: str) -> dict[str, Any]:
    """The facts of `seal`. Raises InvalidValue, with a message that begins with `otherwise`, where a byte differs."""
    try:
        facts = orjson.loads(data)
        del facts["sha256"]
        whole = seal(facts) == data
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidValue(f"{otherwise}: it can't be read.") from error
    if not whole:
        raise InvalidValue(f"{otherwise}: SHA-256 differs.")
    return dict(facts)


def line(name: str, digest: str) -> bytes:
    """A line of SHA256SUMS, as sha256sum writes it."""
    return f"{digest}  {name}\n".encode()


def chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The next `size` bytes of a file. Raises InvalidValue where it ends before."""
    while size > 0:
        chunk = file.read(min(size, CHUNK))
        if not chunk:
            raise InvalidValue("The archive became shorter while it was read.")
        size -= len(chunk)
        yield chunk


def header(name: str, size: int, moment: int) -> bytes:
    """A header of POSIX.1-1988 (ustar); sizes from 8 GiB in the base-256 form that GNU and BSD tar share."""
    octal = b"%011o\0"
    sized = octal % size if size < _OCTAL_END else b"\x80" + size.to_bytes(11, "big")
    head = name.encode().ljust(100, b"\0") + b"0000600\0" + b"0000000\0" * 2 + sized + octal % moment
    tail = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(155 + 12)
    return head + b"%06o\0 " % (sum(head) + sum(tail) + 8 * ord(" ")) + tail


def parse(block: bytes, at: int, last: str) -> tuple[str, int]:
    """Name and size. Raises InvalidValue unless the header is, byte for byte, what `header` makes."""
    name = block[:100].rstrip(b"\0").decode("ascii", "replace")
    sized = block[124:136]
    try:
        size = int.from_bytes(sized[1:], "big") if sized[0] == 0x80 else int(sized[:11], 8)
        moment = int(block[136:147], 8)
        ours = size >= 0 and moment >= 0 and block == header(name, size, moment)
    except (ValueError, OverflowError):
        ours = False
    if ours and (name in _PLAIN or _PHOTOGRAPH.fullmatch(name)):
        return name, size
    if at == 0:
        raise InvalidValue("This is no archive of Kenspeckle.")
    raise InvalidValue(f"The archive is damaged, or was not made here, at byte {at}, after its member '{last}'.")
