"""The instance's master key, from a setting, AWS KMS or a file that is made when it is first needed; and encryption
under it."""

from __future__ import annotations

import base64
import logging
import os
import secrets
import threading
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kenspeckle.atomic_file import is_full, sync_folder
from kenspeckle.encryption.kms import Kms
from kenspeckle.errors import SettingError, StorageFull, StorageUnavailable
from kenspeckle.settings import Settings

log = logging.getLogger(__name__)

FILE = "master.key"
KMS_FILE = "master.key.kms"
KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = b"\x01"
_PURPOSE = b"kenspeckle secrets of key pairs, 1"
"""Each use of the master key derives its own key (HKDF, RFC 5869), so that one never weakens another."""


class WrongMasterKey(StorageUnavailable):
    """A secret was sealed under another master key, or for another context, or is damaged."""


class MasterKey:
    """Implements `ports.Sealer` with AES-256-GCM, and `ports.Deriver`.

    `given` is the key as text (setting MASTER_KEY) and wins over the file. `file` is read at first need; where it does
    not exist and `create` holds, sealing makes it: random, readable by its owner only, atomically. With `kms` the file
    holds the ciphertext that KMS made of the key; a new one is made of the key in the file `adopt`, where that exists.
    """

    def __init__(
        self, file: Path, given: str = "", *, create: bool = True, kms: Kms | None = None, adopt: Path | None = None
    ) -> None:
        self._file = file
        self._given = given
        self._create = create
        self._kms = kms
        self._adopt = adopt
        self._known: bytes | None = None
        self._cipher: AESGCM | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings, *, create: bool = True) -> MasterKey:
        """The master key of these settings. A file that the operator named is never created, so that a missing mount is
        noticed. Raises SettingError where KMS and another source are named."""
        file = file_of(settings)
        if settings.master_key_kms:
            if settings.master_key or settings.master_key_file:
                other = "MASTER_KEY" if settings.master_key else "MASTER_KEY_FILE"
                raise SettingError(
                    f"KENSPECKLE_MASTER_KEY_KMS and KENSPECKLE_{other} both name a master key; set one of them.",
                    field="master_key_kms",
                )
            return cls(file, create=create, kms=Kms(settings.master_key_kms), adopt=settings.data_dir / FILE)
        return cls(file, settings.master_key, create=create and not settings.master_key_file)

    @property
    def place(self) -> str:
        """As `ports.Deriver.place`."""
        return "KENSPECKLE_MASTER_KEY" if self._given else str(self._file)

    def there(self) -> bool:
        """As `ports.Deriver.there`."""
        return bool(self._given) or self._file.exists() or (self._adopt is not None and self._adopt.exists())

    def seal(self, secret: bytes, context: str) -> bytes:
        """A version byte, a random nonce of 12 bytes, the ciphertext and its tag of 16 bytes."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _VERSION + nonce + self._ready(create=self._create).encrypt(nonce, secret, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The secret. Raises WrongMasterKey where key, context or bytes are not those of sealing; SettingError,
        StorageUnavailable where the master key is not available."""
        cipher = self._ready(create=False)
        body = sealed[1:]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise WrongMasterKey(
                f"The secret of '{context}' can't be decrypted: the master key is not the one it was made under, "
                "or the catalog is damaged. Restore the master key, or create the key pair anew."
            ) from error

    def derive(self, purpose: str) -> bytes:
        """As `ports.Deriver.derive`."""
        with self._lock:
            return _derive(self._master(create=self._create), purpose.encode())

    def _ready(self, *, create: bool) -> AESGCM:
        with self._lock:
            if self._cipher is None:
                self._cipher = AESGCM(_derive(self._master(create=create), _PURPOSE))
            return self._cipher

    def _master(self, *, create: bool) -> bytes:
        if self._given:
            return _text(self._given.encode(), "MASTER_KEY")
        if self._known is None:
            self._known = self._from_file(create)
        return self._known

    def _from_file(self, create: bool) -> bytes:
        try:
            found = self._read()
            if found is None and create:
                from filelock import FileLock  # late: it is needed once in the life of a data folder

                self._file.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(str(self._file) + ".lock", timeout=10, mode=0o600):
                    found = self._read() or self._write()
        except OSError as error:
            if is_full(error):
                raise StorageFull(f"There is no disk space for the master key file {self._file}.") from error
            raise StorageUnavailable(
                f"The master key file {self._file} can't be used: {error.strerror or 'it is locked'}."
            ) from error
        if found is None:
            instead = "" if self._kms else ", or name it by KENSPECKLE_MASTER_KEY_FILE"
            raise StorageUnavailable(f"The master key file {self._file} is missing. Restore it{instead}.")
        return found

    def _read(self) -> bytes | None:
        try:
            if self._file.stat().st_mode & 0o077:
                log.warning("the master key file %s can be read by others; chmod 600 closes it", self._file)
            content = self._file.read_bytes()
            return self._kms.decrypt(content, str(self._file)) if self._kms else _parse(content, str(self._file))
        except FileNotFoundError:
            return None

    def _make(self) -> tuple[bytes, bytes]:
        """A new master key, and the content of its file."""
        if self._kms is None:
            master = secrets.token_bytes(KEY_BYTES)
            return master, master
        if self._adopt is None or not self._adopt.exists():
            return self._kms.generate()
        master = _parse(self._adopt.read_bytes(), str(self._adopt))
        log.warning("the master key of %s is now kept by KMS too; move that file to a safe place", self._adopt)
        return master, self._kms.encrypt(master)

    def _write(self) -> bytes:
        master, content = self._make()
        beside = self._file.with_name(self._file.name + ".new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        beside.replace(self._file)
        sync_folder(self._file.parent)
        return master


def file_of(settings: Settings) -> Path:
    """The file of the master key, or of its ciphertext by KMS, whether it exists or not."""
    if settings.master_key_kms:
        return settings.data_dir / KMS_FILE
    return Path(settings.master_key_file).expanduser() if settings.master_key_file else settings.data_dir / FILE


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, purpose).derive(master)


def _parse(content: bytes, source: str) -> bytes:
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
