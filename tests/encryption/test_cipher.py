"""What a cipher promises: only the same bytes, for the same thing, under the same key, can be opened."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenspeckle.domain import encrypted_photograph
from kenspeckle.encryption.cipher import FACE, KEY_BYTES, PLAIN, THUMBNAIL, Cipher
from kenspeckle.errors import StorageUnavailable

PHOTOGRAPH = b"\xff\xd8\xff a photograph"
DIGEST = hashlib.sha256(PHOTOGRAPH).hexdigest()
KEY = os.urandom(KEY_BYTES)
CIPHER = Cipher(KEY)


@given(st.binary(max_size=600), st.text(max_size=40))
def test_there_and_back(data: bytes, name: str) -> None:
    sealed = CIPHER.seal(data, FACE, name)
    assert len(sealed) == len(data) + 29
    assert CIPHER.open(sealed, FACE, name) == Cipher(KEY).open(sealed, FACE, name) == data
    for other, kind, called in ((CIPHER, THUMBNAIL, name), (CIPHER, FACE, name + "x"), (Cipher(bytes(32)), FACE, name)):
        with pytest.raises(StorageUnavailable):
            other.open(sealed, kind, called)


@given(st.data())
def test_no_byte_may_be_another(data: st.DataObject) -> None:
    sealed = CIPHER.seal(b"template", FACE, "1")
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda one: one != sealed[at]))
    with pytest.raises(StorageUnavailable):
        CIPHER.open(sealed[:at] + bytes([changed]) + sealed[at + 1 :], FACE, "1")
    with pytest.raises(StorageUnavailable):
        CIPHER.open(sealed[:at], FACE, "1")


def test_the_same_twice_looks_different() -> None:
    assert len({CIPHER.seal(b"", FACE, "1") for _ in range(20_000)}) == 20_000
    assert CIPHER.seal_photograph(DIGEST, PHOTOGRAPH) != CIPHER.seal_photograph(DIGEST, PHOTOGRAPH)


def test_names_depend_on_the_key_and_tell_nothing() -> None:
    name = CIPHER.name(DIGEST)
    assert name == Cipher(KEY).name(DIGEST)
    assert len({name, DIGEST, Cipher(os.urandom(32)).name(DIGEST), CIPHER.name(name)}) == 4
    beside = CIPHER.original(DIGEST, "image-1")
    assert CIPHER.digest(name, beside, "image-1") == DIGEST
    for stored, image in ((beside, "image-2"), (None, "image-1"), (beside[:-1], "image-1")):
        with pytest.raises(StorageUnavailable):
            CIPHER.digest(name, stored, image)


@given(st.binary(max_size=3000))
def test_photographs(data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    stored = CIPHER.seal_photograph(digest, data)
    name = CIPHER.name(digest)
    assert encrypted_photograph.whole(name, stored)
    assert not encrypted_photograph.whole(digest, stored)
    assert not encrypted_photograph.whole(name, data)
    assert CIPHER.open_photograph(digest, stored) == data


def test_damage_shows_without_the_key_and_forgery_with_it() -> None:
    stored, name = CIPHER.seal_photograph(DIGEST, PHOTOGRAPH), CIPHER.name(DIGEST)
    for at in range(len(stored)):
        assert not encrypted_photograph.whole(name, stored[:at])
        assert not encrypted_photograph.whole(name, stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :])
    body = encrypted_photograph.body(stored)
    forged = encrypted_photograph.pack(name, body[:-1] + bytes([body[-1] ^ 1]))
    assert encrypted_photograph.whole(name, forged)
    for wrong in (
        forged,
        PHOTOGRAPH,
        Cipher(bytes(32)).seal_photograph(DIGEST, PHOTOGRAPH),
        encrypted_photograph.MAGIC,
        b"",
    ):
        with pytest.raises(StorageUnavailable):
            CIPHER.open_photograph(DIGEST, wrong)


def test_nothing_encrypted_is_shown_by_a_collection_in_the_clear() -> None:
    assert PLAIN.open_photograph(DIGEST, PHOTOGRAPH) == PHOTOGRAPH
    with pytest.raises(StorageUnavailable):
        PLAIN.open_photograph(DIGEST, CIPHER.seal_photograph(DIGEST, PHOTOGRAPH))
