"""Settings of the network edge: which files, origins and proxies are taken, and what is said of others."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest

from kenspeckle.errors import SettingError
from kenspeckle.serving import cors, tls
from kenspeckle.serving.proxies import parse_trusted
from tests.fakes.certificates import Pair, pair


@pytest.fixture
def made(tmp_path: Path) -> Pair:
    return pair(tmp_path, "server")


def test_a_pair_is_served_by_tls_1_2_and_newer(made: Pair) -> None:
    found = tls.certificate(str(made.certificate), str(made.key))
    assert found is not None
    assert found.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls.certificate("", "") is None


def test_what_is_wrong_with_a_pair_is_said(made: Pair, tmp_path: Path) -> None:
    other, locked = pair(tmp_path, "other"), pair(tmp_path, "locked", passphrase=b"secret")
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for certificate, key, message in [
        (made.certificate, "", "TLS_KEY is not set"),
        ("", made.key, "TLS_CERT is not set"),
        (tmp_path / "none.pem", made.key, r"TLS_CERT: .*none\.pem can't be read: No such file"),
        (made.certificate, tmp_path, r"TLS_KEY: .* can't be read: Is a directory"),
        (made.certificate, other.key, "is not that of the first certificate"),
        (made.key, made.key, "holds no certificate"),
        (junk, made.key, "holds no certificate"),
        (made.certificate, made.certificate, "holds no private key"),
        (locked.certificate, locked.key, "needs a passphrase"),
    ]:
        with pytest.raises(SettingError, match=message):
            tls.certificate(str(certificate), str(key))


def test_a_renewal_that_is_wrong_changes_nothing(made: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="kenspeckle")
    found = tls.Certificate(made.certificate, made.key)
    first = found._current
    found.refresh()
    assert found._current is first
    new = pair(tmp_path, "new")
    made.certificate.write_bytes(new.certificate.read_bytes())
    found.refresh()
    assert found._current is first
    assert "is not that of the first certificate" in caplog.text
    made.key.write_bytes(new.key.read_bytes())
    found.refresh()
    assert found._current is not first
    made.key.unlink()
    found.refresh()
    assert "can't be read" in caplog.text


def test_a_file_that_goes_while_it_is_read_ends_nothing(
    made: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tls.Certificate(made.certificate, made.key)
    first, new = found._current, pair(tmp_path, "new")
    made.certificate.write_bytes(new.certificate.read_bytes())
    made.key.write_bytes(new.key.read_bytes())
    with monkeypatch.context() as renewing:
        # Whoever renews takes the old file away between our look at it and OpenSSL's.
        renewing.setattr(tls, "_check_certificates", lambda _, file: file.unlink())
        found.refresh()
    assert found._current is first
    assert "can't be read yet" in caplog.text
    made.certificate.write_bytes(new.certificate.read_bytes())
    found.refresh()
    assert found._current is not first


def test_an_expired_certificate_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = pair(tmp_path, "old", until=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    tls.Certificate(old.certificate, old.key)
    assert "has expired" in caplog.text


def test_origins_as_browsers_write_them() -> None:
    assert cors.origins(" https://App.example.org , http://127.0.0.1:3000,https://a.org:443,http://[::1]:80,") == (
        "https://app.example.org",
        "http://127.0.0.1:3000",
        "https://a.org",
        "http://[::1]",
    )
    assert cors.origins("") == ()
    assert cors.middleware("") == ()


@pytest.mark.parametrize(
    "text",
    ["*", "null", "https://*.example.org", "example.org", "https://a.org/", "https://a.org/x", "ftp://a.org",
     "https://me@a.org", "https://a.org:99999", "https://", "https://a.org?x"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="CORS_ORIGINS"):
        cors.origins(f"https://fine.org,{text}")


def test_proxies_are_addresses_and_networks() -> None:
    assert parse_trusted("10.0.0.7, 10.1.0.0/16,::1,") == ["10.0.0.7", "10.1.0.0/16", "::1"]
    assert parse_trusted("") == []


@pytest.mark.parametrize("text", ["*", "proxy.example.org", "10.0.0.1/8", "10.0.0", "10.0.0.7:80"])
def test_what_is_no_proxy_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="TRUSTED_PROXIES"):
        parse_trusted(text)
