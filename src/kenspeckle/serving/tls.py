"""TLS from two files, which are read again when they are renewed; open connections keep their certificate."""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from kenspeckle.errors import SettingError

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the files are looked at."""


class Certificate:
    """Certificate chain and key of the server, as PEM files. `context` is what to listen with.

    Raises SettingError where the files can't be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._state()
        self._current = _load(certificate, key)
        self.context = _load(certificate, key)
        # A handshake goes on with the newest context. Reloading in place would leave a context with half of a new pair
        # where certificate and key do not belong together.
        self.context.sni_callback = self._choose
        self._tell()

    def refresh(self) -> None:
        """Use the files for new connections if they have changed; errors are logged, and the last valid pair stays in
        use."""
        seen = self._state()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._current = _load(*self._files)
            self._tell()
        except SettingError as error:
            log.error("the renewed TLS certificate is not used: %s", error.message)
        except (OSError, ValueError) as error:
            # The renewal may be under way, so that a file is missing for a moment. Checked again next time.
            self._seen = []
            log.error("the renewed TLS certificate can't be read yet: %s", error)

    def _choose(self, handshake: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        handshake.context = self._current

    def _state(self) -> list[tuple[int, int, int] | None]:
        """A value that changes whenever a file is replaced or written to."""
        found: list[tuple[int, int, int] | None] = []
        for file in self._files:
            try:
                stat = file.stat()
            except OSError:
                found.append(None)
            else:
                found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return found

    def _tell(self) -> None:
        leaf = x509.load_pem_x509_certificates(self._files[0].read_bytes())[0]
        ends = leaf.not_valid_after_utc
        said = {"expires": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if ends <= datetime.now(UTC):
            log.warning("the TLS certificate has expired", extra=said)
        else:
            log.info("TLS certificate loaded", extra=said)


def end_of(file: Path) -> float | None:
    """When the first certificate of a PEM file ends, in seconds since the epoch; None where the file can't be read."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())[0].not_valid_after_utc.timestamp()
    except (OSError, ValueError, IndexError):
        return None


def certificate(tls_cert: str, tls_key: str) -> Certificate | None:
    """The certificate that the settings name; None where they name none. Raises SettingError."""
    if not tls_cert and not tls_key:
        return None
    if not tls_cert or not tls_key:
        missing = "tls_key" if tls_cert else "tls_cert"
        raise SettingError(
            f"TLS needs both files; {missing.upper()} is not set. Name the PEM files of the certificate chain "
            "(TLS_CERT) and of its key (TLS_KEY).",
            field=missing,
        )
    return Certificate(Path(tls_cert).expanduser(), Path(tls_key).expanduser())


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context for servers: TLS 1.2 or newer, HTTP/1.1. Raises SettingError."""
    for name, file in (("tls_cert", certificate), ("tls_key", key)):
        try:
            data = file.read_bytes()
        except OSError as error:
            raise SettingError(f"{name.upper()}: {file} can't be read: {error.strerror}.", field=name) from error
        if name == "tls_cert":
            _check_certificates(data, file)
        elif b"PRIVATE KEY-----" not in data:
            raise SettingError(f"TLS_KEY: {file} holds no private key in PEM form.", field=name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a callback, OpenSSL would ask the terminal for the passphrase of an encrypted key.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"the key in {key} is not that of the first certificate in {certificate}"
        elif b"ENCRYPTED" in key.read_bytes():
            why = f"the key in {key} needs a passphrase; give one without, readable by the service only"
        else:
            why = f"{certificate} and {key} can't be used together ({error.reason or 'no reason given'})"
        raise SettingError(f"TLS_CERT and TLS_KEY: {why}.", field="tls_key") from error
    return context


def _check_certificates(data: bytes, file: Path) -> None:
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        found = []
    if not found:
        raise SettingError(f"TLS_CERT: {file} holds no certificate in PEM form.", field="tls_cert")
