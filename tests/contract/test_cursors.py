"""Page tokens: nothing can be read from them, none can be made, and those of the first version are refused."""

from __future__ import annotations

import base64
import hashlib

import pytest

from kenspeckle.catalog.cursors import Cursors
from kenspeckle.errors import InvalidCursor

KEY = bytes(range(32))


def test_a_token_shows_no_position() -> None:
    cursors = Cursors(KEY)
    tokens = [cursors.make(1_000_000 + number, "faces", "people") for number in range(50)]
    assert {len(one) for one in tokens} == {52}
    for number, token in enumerate(tokens):
        assert cursors.read(token, "faces", "people") == 1_000_000 + number
        assert (1_000_000 + number).to_bytes(3, "big") not in base64.urlsafe_b64decode(token)
    assert len({cursors.make(7, "faces") for _ in range(50)}) == 50


def test_a_token_is_bound_and_whole() -> None:
    cursors = Cursors(KEY)
    token = cursors.make(7, "faces", "people")
    raw = bytearray(base64.urlsafe_b64decode(token))
    for at in range(len(raw)):
        raw[at] ^= 1
        with pytest.raises(InvalidCursor):
            cursors.read(base64.urlsafe_b64encode(raw).decode(), "faces", "people")
        raw[at] ^= 1
    for other in ("", "é", "A" * 52, token[:-4], token + token):
        with pytest.raises(InvalidCursor):
            cursors.read(other, "faces", "people")
    with pytest.raises(InvalidCursor):
        cursors.read(token, "faces", "others")
    with pytest.raises(InvalidCursor):
        Cursors(bytes(32)).read(token, "faces", "people")


def test_a_token_of_the_first_version_is_refused_with_what_to_do() -> None:
    position = (7).to_bytes(8, "big")
    mac = hashlib.blake2b(position + b'["faces"]', key=KEY, digest_size=16).digest()
    with pytest.raises(InvalidCursor, match="by an earlier version; begin again without one"):
        Cursors(KEY).read(base64.urlsafe_b64encode(position + mac).decode(), "faces")
