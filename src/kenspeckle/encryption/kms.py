"""A master key from AWS KMS, which generates the key and decrypts it at every start. Only its ciphertext is stored.
Uses botocore, which is configured as boto3 is: AWS_ENDPOINT_URL_KMS, region, profile, credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kenspeckle.errors import SettingError, StorageUnavailable

_CONTEXT: Final = {"kenspeckle": "master key"}
"""Encryption context: KMS binds it to the ciphertext and shows it in CloudTrail."""

_NO_SUCH_KEY: Final = {"NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidArnException"}
_DENIED: Final = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "ExpiredTokenException",
}
_NOT_ITS: Final = {"InvalidCiphertextException", "IncorrectKeyException"}


class Kms:
    """One key of KMS, named by id, ARN or alias (setting MASTER_KEY_KMS)."""

    def __init__(self, key: str) -> None:
        self._key = key

    def generate(self) -> tuple[bytes, bytes]:
        """A new key of 32 random bytes: plaintext and ciphertext. Raises SettingError, StorageUnavailable."""
        with self._errors() as client:
            made = client.generate_data_key(KeyId=self._key, KeySpec="AES_256", EncryptionContext=_CONTEXT)
        return bytes(made["Plaintext"]), bytes(made["CiphertextBlob"])

    def encrypt(self, key: bytes) -> bytes:
        """The ciphertext of an existing key. Raises SettingError, StorageUnavailable."""
        with self._errors() as client:
            return bytes(client.encrypt(KeyId=self._key, Plaintext=key, EncryptionContext=_CONTEXT)["CiphertextBlob"])

    def decrypt(self, ciphertext: bytes, source: str) -> bytes:
        """The plaintext of the key. Raises SettingError, StorageUnavailable, which name the `source`."""
        with self._errors(source) as client:
            found = client.decrypt(KeyId=self._key, CiphertextBlob=ciphertext, EncryptionContext=_CONTEXT)
        return bytes(found["Plaintext"])

    @contextmanager
    def _errors(self, source: str = "") -> Iterator[Any]:
        # Imported here: loading botocore takes a quarter of a second.
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.session import Session

        try:
            yield Session().create_client(
                "kms",
                config=Config(
                    connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3}
                ),
            )
        except ClientError as error:
            raise self._error_of(str(error.response.get("Error", {}).get("Code", "")), source) from error
        except BotoCoreError as error:
            raise StorageUnavailable(
                f"AWS KMS can't be reached for the master key (KENSPECKLE_MASTER_KEY_KMS): {error}", retry_after=5
            ) from error

    def _error_of(self, code: str, source: str) -> SettingError | StorageUnavailable:
        """The error for an error code of KMS."""
        if code in _NO_SUCH_KEY:
            return SettingError(
                f"KENSPECKLE_MASTER_KEY_KMS: there is no key '{self._key}' in KMS that can be used ({code}); check its "
                "name, region and state.",
                field="master_key_kms",
            )
        if code in _DENIED:
            made = f", and that {source} was made with this key" if source else ""
            return SettingError(
                f"KENSPECKLE_MASTER_KEY_KMS: KMS refuses '{self._key}' ({code}); check credentials, the rights "
                f"kms:GenerateDataKey, kms:Encrypt and kms:Decrypt{made}.",
                field="master_key_kms",
            )
        if code in _NOT_ITS:
            return SettingError(
                f"KENSPECKLE_MASTER_KEY_KMS: {source} was not encrypted by the key '{self._key}', or is damaged. Name "
                "the key that it was made with, or put back the right file.",
                field="master_key_kms",
            )
        return StorageUnavailable(
            f"AWS KMS does not give the master key (KENSPECKLE_MASTER_KEY_KMS): {code or 'no answer'}.", retry_after=5
        )
