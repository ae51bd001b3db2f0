"""The instance's master key, from a setting or a file made at first need, and what is encrypted under it."""

from __future__ import annotations

import base64
import errno
import logging
import os
import secrets
import threading
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from filelock import FileLock

from kenspeckle.errors import SettingError, StorageFull, StorageUnavailable
from kenspeckle.settings import Settings

log = logging.getLogger(__name__)

KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = b"\x01"
_PURPOSE = b"kenspeckle secrets of key pairs, 1"
"""Each use of the master key derives its own key (HKDF, RFC 5869), so that one never weakens another."""


class MasterKey:
    """Implements `ports.Sealer` with AES-256-GCM, and `ports.Deriver`.

    `given` is the key as text (setting MASTER_KEY) and wins over the file. `file` is read at first need; where it
    does not exist and `create` holds, sealing makes it: random, readable by its owner only, all or nothing.
    """

    def __init__(self, file: Path, given: str = "", *, create: bool = True) -> None:
        self._file = file
        self._given = given
        self._create = create
        self._cipher: AESGCM | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> MasterKey:
        """As the operator set it. A file that the operator named is never made: a mount that is missing must show."""
        if settings.master_key_file:
            return cls(Path(settings.master_key_file).expanduser(), settings.master_key, create=False)
        return cls(settings.data_dir / "master.key", settings.master_key)

    def seal(self, secret: bytes, context: str) -> bytes:
        """A version byte, a random nonce of 12 bytes, the ciphertext and its tag of 16 bytes."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _VERSION + nonce + self._ready(create=self._create).encrypt(nonce, secret, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The secret. Raises StorageUnavailable where key, context or bytes are not those of sealing."""
        cipher = self._ready(create=False)
        body = sealed[1:]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise StorageUnavailable(
                f"The secret of '{context}' can't be decrypted: the master key is not the one it was made under, "
                "or the catalog is damaged. Restore the master key, or create the key pair anew."
            ) from error

    def derive(self, purpose: str) -> bytes:
        """As `ports.Deriver.derive`."""
        with self._lock:
            return _derived(self._master(create=self._create), purpose.encode())

    def _ready(self, *, create: bool) -> AESGCM:
        with self._lock:
            if self._cipher is None:
                self._cipher = AESGCM(_derived(self._master(create=create), _PURPOSE))
            return self._cipher

    def _master(self, *, create: bool) -> bytes:
        return _text(self._given.encode(), "MASTER_KEY") if self._given else self._from_file(create)

    def _from_file(self, create: bool) -> bytes:
        try:
            found = self._read()
            if found is None and create:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(str(self._file) + ".lock", timeout=10, mode=0o600):
                    found = self._read() or self._write()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"There is no room for the master key file {self._file}.") from error
            raise StorageUnavailable(
                f"The master key file {self._file} can't be used: {error.strerror or 'it is locked'}."
            ) from error
        if found is None:
            raise StorageUnavailable(
                f"The master key file {self._file} is missing. Restore it, or name it by KENSPECKLE_MASTER_KEY_FILE."
            )
        return found

    def _read(self) -> bytes | None:
        try:
            if self._file.stat().st_mode & 0o077:
                log.warning("the master key file %s can be read by others; chmod 600 closes it", self._file)
            return _parsed(self._file.read_bytes(), str(self._file))
        except FileNotFoundError:
            return None

    def _write(self) -> bytes:
        master = secrets.token_bytes(KEY_BYTES)
        beside = self._file.with_name(self._file.name + ".new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, master)
            os.fsync(handle)
        finally:
            os.close(handle)
        beside.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return master


def _derived(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, purpose).derive(master)


def _parsed(content: bytes, source: str) -> bytes:
    """32 raw bytes, or what `_text` takes."""
    return content if len(content) == KEY_BYTES else _text(content, source)


def _text(content: bytes, source: str) -> bytes:
    """32 bytes of 64 hex digits or base64. Raises SettingError."""
    text = content.strip()
    try:
        if len(text) == 2 * KEY_BYTES:
            master = bytes.fromhex(text.decode("ascii"))
        else:
            master = base64.b64decode(text, validate=True)
    except ValueError:
        master = b""
    if len(master) != KEY_BYTES:
        raise SettingError(
            f"{source}: a master key is {KEY_BYTES} random bytes, as 64 hex digits or base64; "
            "`openssl rand -hex 32` makes one.",
            field="master_key",
        )
    return master
