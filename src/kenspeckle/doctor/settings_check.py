"""Checks settings: unusable values, contradictions, and values that are rarely intended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from kenspeckle.compose import data_folder, managed
from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.domain import validation
from kenspeckle.errors import KenspeckleError
from kenspeckle.images.client_buckets import ClientBuckets
from kenspeckle.images.urls import parse
from kenspeckle.serving import cors, proxies, tls
from kenspeckle.settings import Settings, unknown, unknown_messages
from kenspeckle.text import plural
from kenspeckle.usecases.access import credentials

SOON_DAYS = 14

_NO_START = "The service does not start with it."
_SETTINGS = "kenspeckle settings shows each with its source"


def check(instance: Instance, found: Examined) -> None:
    settings = instance.settings
    for use in _uses(settings):
        with found.guard("setting_unusable", "", _NO_START, _SETTINGS):
            use()
    _names(found)
    _keys(settings, found)
    _places(settings, found)
    _work(settings, found)
    _certificate(settings, instance.now(), found)
    found.summary = "usable" if not found.needs_action else "see below"


def _uses(settings: Settings) -> tuple[Callable[[], object], ...]:
    """Parses settings that have a format of their own, as a start does."""
    return (
        lambda: settings.recognizer == "local" or managed.recognizer(settings),
        lambda: tls.certificate(settings.tls_cert, settings.tls_key),
        lambda: cors.origins(settings.cors_origins),
        lambda: proxies.parse_trusted(settings.trusted_proxies),
        lambda: ClientBuckets.parse(settings.s3_buckets),
        lambda: parse(settings.images, "IMAGES_URL"),
        lambda: validation.collection_id(settings.collection),
    )


def _names(found: Examined) -> None:
    for sentence in unknown_messages(unknown()):
        found.fault("setting_unknown", sentence, "What was meant by it does not hold.", "Correct or unset it")


def _keys(settings: Settings, found: Examined) -> None:
    if settings.master_key_kms and (settings.master_key or settings.master_key_file):
        found.fault(
            "kms_and_another_key",
            "MASTER_KEY_KMS and another setting both name a master key.",
            _NO_START,
            "Unset one of them",
        )
    if settings.master_key and settings.master_key_file:
        found.warn(
            "two_master_keys",
            "MASTER_KEY and MASTER_KEY_FILE are both set.",
            "The file is not used; changing it has no effect.",
            "Unset one of them",
        )
    key = settings.admin_key
    if key and (not credentials.well_formed(key) or len(key) < credentials.SHORTEST_ADMIN_KEY):
        found.fault(
            "admin_key_weak",
            f"ADMIN_KEY is not {credentials.SHORTEST_ADMIN_KEY} or more printable ASCII characters.",
            _NO_START,
            "openssl rand -hex 32",
        )


def _places(settings: Settings, found: Examined) -> None:
    """Buckets that clients may name must not hold the service's own files."""
    own = [settings.data_dir.absolute()]
    try:
        file = data_folder.storage(settings).file
        if file is not None:
            own.append(file.parent.absolute())
        images = parse(settings.images, "IMAGES_URL")
    except KenspeckleError:
        images = None
    if isinstance(images, Path):
        own.append(images.absolute())
    for entry in filter(None, (one.strip() for one in settings.s3_buckets.split(","))):
        name, _, url = entry.partition("=")
        try:
            place = parse(url, "S3_BUCKETS")
        except KenspeckleError:
            continue  # told above
        if isinstance(place, Path) and any(_overlap(place.absolute(), one) for one in own):
            found.fault(
                "bucket_holds_data",
                f"S3_BUCKETS names '{name}' for {place}, where the service keeps its own files.",
                "Any client that may search can have stored photographs of others analysed by naming them.",
                "Name a folder that holds only what clients may read",
            )


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _work(settings: Settings, found: Examined) -> None:
    cores = Settings().workers
    if settings.workers > cores:
        found.note(
            "more_workers_than_cores",
            f"WORKERS={settings.workers} on {plural(cores, 'core')}.",
            "Each photograph takes longer, and memory grows; not more are done.",
            f"KENSPECKLE_WORKERS={cores}",
        )
    if not settings.audit_required:
        found.note(
            "record_not_required",
            "AUDIT_REQUIRED=false.",
            "Where the disk is full, answers go out before their record is written, and it may be lost.",
        )
    if settings.cors_origins and not settings.admin_key and not settings.tls_cert:
        found.note(
            "cors_without_tls",
            "CORS_ORIGINS is set, and the service speaks no TLS itself.",
            "Pages that were loaded over https may not call it, unless a proxy does TLS.",
        )


def _certificate(settings: Settings, now: float, found: Examined) -> None:
    try:
        data = Path(settings.tls_cert).expanduser().read_bytes() if settings.tls_cert else b""
        ends = x509.load_pem_x509_certificates(data)[0].not_valid_after_utc if data else None
    except (OSError, ValueError, IndexError):
        return  # told above
    if ends is None:
        return
    left = (ends - datetime.fromtimestamp(now, UTC)).days
    if left < SOON_DAYS:
        how = "has expired" if left < 0 else f"expires in {plural(left, 'day')}"
        found.warn(
            "certificate_expires",
            f"The TLS certificate {settings.tls_cert} {how}.",
            "Clients refuse it after that.",
            "Renew it; the service takes the new files by itself",
        )
