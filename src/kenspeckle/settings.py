"""Settings: defaults < `kenspeckle.toml` < environment (`KENSPECKLE_<NAME>`) < command line.

Every field of `Settings` is one setting: upper case with the prefix it is an environment variable, lower case a
line of the file. A bad value is a `SettingError` that names the source it came from.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from kenspeckle import cpu
from kenspeckle.domain import Attribute, QualityFilter
from kenspeckle.domain.attributes import parse_names
from kenspeckle.errors import SettingError

FILE = "kenspeckle.toml"
PREFIX = "KENSPECKLE_"

OTHERS = frozenset(
    {
        "CONFIG",
        "URL",
        "API_KEY",
        "CAMERA_CREDENTIALS",
        "DEBUG",
        "SOAK",
        "SOAK_MINUTES",
        "SOAK_KILLS",
        "SOAK_DIR",
        "KILLS",
    }
)
"""Variables with the prefix KENSPECKLE_ that are no settings: those of the command line and of the tests."""

# Variables that Kubernetes sets in every container for a Service that is named kenspeckle.
_INJECTED = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")
_INJECTED_URL = re.compile(r"(tcp|udp|sctp)://.*")


def _doc(
    text: str,
    default: Any = None,
    factory: Callable[[], Any] | None = None,
    *,
    secret: bool = False,
    shared: bool = False,
) -> Any:
    """A setting with the sentence that documents it; docs and `--help` are made from these. A secret stays out of
    `repr`, and so out of logs. A shared one is the same for all services on one catalog in PostgreSQL: answers, or what
    is stored and for how long, depend on it."""
    metadata = {"doc": text, "secret": secret, "shared": shared}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def _data_dir() -> Path:
    return Path(platformdirs.user_data_dir("kenspeckle", appauthor=False))


def _models_dir() -> Path:
    """The folder that has packs already; else, for root, the folder for all users, and for others the user's own."""
    own = Path(platformdirs.user_cache_dir("kenspeckle", appauthor=False)) / "models"
    common = Path(platformdirs.site_data_dir("kenspeckle", appauthor=False)) / "models"
    for folder in (own, common):
        if os.access(folder, os.R_OK | os.X_OK):
            return folder
    return common if os.geteuid() == 0 else own


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Immutable; built by `load`."""

    data_dir: Path = _doc(
        "Folder of the database and, unless IMAGES_URL says otherwise, the images.", factory=_data_dir
    )
    host: str = _doc("Address to listen on. Anything but loopback needs a key first.", "127.0.0.1")
    port: int = _doc("Port to listen on.", 8080)
    catalog_url: str = _doc(
        "SQLAlchemy URL of the catalog: sqlite:///FILE or postgresql+psycopg://...; empty: SQLite in DATA_DIR.",
        "",
        secret=True,
    )
    catalog_connections: int = _doc(
        "Connections of a process to PostgreSQL at once, and half as many again for locks (docs/cluster.md).", 16
    )
    images_url: str = _doc("Where photographs lie: file:///folder or s3://bucket/prefix; empty: DATA_DIR/images.", "")
    keep_images: bool = _doc(
        "Keep the photographs that were indexed; if not, only face thumbnails are kept.", True, shared=True
    )
    models_dir: Path = _doc(
        "Folder of model packs. Unless set, where packs lie already: the user's cache folder, or one for all users, "
        "where root puts them.",
        factory=_models_dir,
    )
    pack: str = _doc(
        "Model pack that new collections are bound to. Left at this, a data folder goes on with the pack that it has.",
        "sface",
    )
    device: str = _doc("What the networks run on: auto, cpu or cuda (docs/models.md).", "auto")
    precision: str = _doc(
        "Precision of the networks: auto (bfloat16 where the processor has it and templates stay comparable) or "
        "float32.",
        "auto",
    )
    collection: str = _doc(
        "Collection that is used where a request names none; exists from the start.", "kenspeckle", shared=True
    )
    max_faces: int = _doc(
        "Faces that are indexed of one photograph, and matches returned, where a request says nothing.", 10, shared=True
    )
    face_match_threshold: float = _doc(
        "Similarity (0..100) from which a face is a match, where a request says nothing.", 80.0, shared=True
    )
    quality_filter: QualityFilter = _doc(
        "Quality bar of indexing: NONE, AUTO, LOW, MEDIUM or HIGH.", QualityFilter.AUTO, shared=True
    )
    search_groups: bool = _doc(
        "Tell, where a search finds nobody with a name, how often that face was seen before: the group of faces "
        "without a name that it belongs to.",
        False,
        shared=True,
    )
    detection_attributes: str = _doc(
        "Attributes of faces that indexing infers and stores where a request says nothing: DEFAULT (none) or ALL.",
        "DEFAULT",
        shared=True,
    )
    gender: bool = _doc(
        "Tell Gender, where all attributes or it are asked for: a network's guess from the face (docs/duties.md).",
        False,
        shared=True,
    )
    recognizer: str = _doc("Who recognizes: local (this machine) or rekognition (Amazon).", "local")
    dynamodb_table: str = _doc("Table of faces, with RECOGNIZER=rekognition.", "")
    aws_region: str = _doc("Region named in ARNs and expected in signatures.", "us-east-1", shared=True)
    any_region: bool = _doc("Take signatures for any region, not for AWS_REGION alone.", False)
    session_tokens: bool = _doc(
        "Take requests of adopted pairs (`kenspeckle keys adopt`) with a session token, which is not checked.", False
    )
    aws_account_id: str = _doc("Account named in ARNs.", "000000000000", shared=True)
    s3_buckets: str = _doc(
        "Buckets that S3Object may name and where they lie: photos=s3://photos,desk=file:///srv/photos; "
        "photos[visitors+staff]=... lets keys that are limited to one of these collections name it too.",
        "",
    )
    open_buckets: bool = _doc(
        "Let S3Object name any bucket that the server's own credentials can read, not only those of S3_BUCKETS. Keys "
        "that are limited to collections name none of these.",
        False,
    )
    sns_topics: str = _doc(
        "Topics of Amazon SNS, by their ARNs with commas between, that a NotificationChannel may name; no other is "
        "published to.",
        "",
    )
    admin_key: str = _doc("First admin key, for unattended installs; at least 32 characters.", "", secret=True)
    index_url: str = _doc(
        "Where the index of large collections lies: memory:// (in this process) or "
        "milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE], milvus+tls:// with TLS (docs/milvus.md).",
        "memory://",
        secret=True,
    )
    index_faces: int = _doc(
        "Faces from which on a collection's index lies at INDEX_URL and is approximate; smaller ones are searched in "
        "process, exactly.",
        1_000_000,
    )
    index_fallback_faces: int = _doc(
        "Faces of the largest collection that is searched in process while INDEX_URL can't be used; searches of larger "
        "ones are refused with 503 meanwhile.",
        2_000_000,
    )
    index_encrypted: bool = _doc(
        "Let encrypted collections lie at INDEX_URL too, where their templates are not encrypted.", False
    )
    encryption: bool = _doc(
        "Encrypt templates, thumbnails and photographs, each collection under a key of its own (docs/security.md). "
        "`kenspeckle encrypt` and `decrypt` convert what is there.",
        False,
    )
    master_key: str = _doc(
        "Key that collections' keys and secrets of AWS pairs are encrypted under: 32 bytes as 64 hex digits or "
        "base64; empty: a file.",
        "",
        secret=True,
    )
    master_key_file: str = _doc("File of the master key; empty: DATA_DIR/master.key, made at first need.", "")
    master_key_kms: str = _doc(
        "Key of AWS KMS (id, ARN or alias/name) that makes and decrypts the master key; only its ciphertext is kept, "
        "in DATA_DIR/master.key.kms.",
        "",
    )
    max_image_bytes: int = _doc("Largest photograph in bytes.", 15 * 1024 * 1024)
    max_image_pixels: int = _doc("Largest photograph in pixels, judged by its header before decoding.", 50_000_000)
    video_frame_rate: float = _doc("Frames a second that are looked at in a video (docs/video.md).", 5.0, shared=True)
    max_video_seconds: int = _doc("Longest video in seconds.", 6 * 3600)
    max_video_bytes: int = _doc("Largest video in bytes.", 4 * 1024**3)
    workers: int = _doc("Photographs analysed at once.", factory=cpu.cores)
    connections: int = _doc("Connections at once. Above the limit, the one that is idle longest is closed.", 1024)
    connections_per_host: int = _doc(
        "Connections at once of one address (of IPv6: of one /64 network), but for TRUSTED_PROXIES.", 256
    )
    queue: int = _doc("Photographs that may wait for a worker; more are refused with 503.", 32)
    jobs: int = _doc("Jobs (long work, docs/operations.md) at once in a process; 0 leaves them to other processes.", 1)
    load_at_start: bool = _doc(
        "Load the templates of all collections at a start, before /readyz says ready; if not, with first searches.",
        True,
    )
    wait_seconds: float = _doc("Longest wait for a worker before 503.", 30.0)
    tls_cert: str = _doc("PEM file of the certificate chain to serve TLS with; read again when it is renewed.", "")
    tls_key: str = _doc("PEM file of the certificate's private key, without a passphrase.", "")
    cors_origins: str = _doc(
        "Origins whose pages may call the service: https://app.example.org, with commas between; empty: none.", ""
    )
    trusted_proxies: str = _doc(
        "Addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are trusted: 10.0.0.7,10.1.0.0/16.", ""
    )
    audit_days: int = _doc("Days that rows of the audit trail are kept; 0: indefinitely.", 0, shared=True)
    audit_anchors_url: str = _doc(
        "Bucket with a lock (s3://bucket/prefix) that takes an anchor of the audit trail every hour "
        "(docs/security.md); empty: none.",
        "",
    )
    audit_required: bool = _doc(
        "Refuse what can't be recorded in the audit trail; if not, reading goes on where the disk is full, and rows "
        "wait in memory.",
        True,
    )
    webhook_hosts: str = _doc(
        "Hosts, addresses and networks that webhooks may reach though they are private, and without TLS: "
        "hooks.internal,10.1.0.0/16; empty: public addresses over https only.",
        "",
    )
    webhook_seconds: float = _doc("Longest time that an endpoint of a webhook may take to answer.", 15.0)
    webhook_retries: str = _doc(
        "Pauses in seconds before a message that did not arrive is sent again; after the last it has failed.",
        "5,300,1800,7200,18000,36000,50400,72000,86400",
    )
    webhook_log_days: int = _doc("Days that messages of webhooks and their delivery log are kept.", 30, shared=True)
    drain_seconds: float = _doc("Longest time that shutdown waits for requests under way.", 30.0)
    log_level: str = _doc("DEBUG, INFO, WARNING or ERROR.", "INFO")
    log_format: str = _doc("text, json, or auto: text on a terminal, JSON elsewhere.", "auto")
    given: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """Names of the settings that somebody has set, if only to their default; no setting itself."""

    @property
    def asked(self) -> frozenset[Attribute]:
        """What DETECTION_ATTRIBUTES asks for."""
        return parse_names([self.detection_attributes], "detection_attributes")

    @property
    def catalog(self) -> str:
        """SQLAlchemy URL of the catalog."""
        return self.catalog_url or f"sqlite:///{self.data_dir / 'kenspeckle.db'}"

    @property
    def images(self) -> str:
        """URL of the image store."""
        return self.images_url or (self.data_dir / "images").resolve().as_uri()


def _boolean(text: str) -> bool:
    values = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if text.lower() not in values:
        raise ValueError("true or false is expected")
    return values[text.lower()]


_PARSERS: dict[str, Callable[[str], Any]] = {
    "Path": lambda text: Path(text).expanduser(),
    "int": int,
    "float": float,
    "bool": _boolean,
    "str": str,
    "QualityFilter": lambda text: QualityFilter(text.upper()),
}

_EXPECTED = {
    "int": "a whole number is expected",
    "float": "a number is expected",
    "QualityFilter": f"one of {', '.join(QualityFilter)} is expected",
}

_RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65535),
    "max_faces": (1, 4096),
    "face_match_threshold": (0, 100),
    "max_image_bytes": (1, 1 << 30),
    "max_image_pixels": (6400, 1 << 30),
    "video_frame_rate": (0.1, 60),
    "max_video_seconds": (1, 7 * 86400),
    "max_video_bytes": (1, 1 << 40),
    "workers": (1, 1024),
    "connections": (1, 1_000_000),
    "connections_per_host": (1, 1_000_000),
    "queue": (0, 100_000),
    "jobs": (0, 64),
    "catalog_connections": (2, 1024),
    "audit_days": (0, 36_500),
    "wait_seconds": (0, 3600),
    "webhook_seconds": (0.1, 60),
    "webhook_log_days": (1, 365),
    "drain_seconds": (0, 3600),
    "index_faces": (1, 10**12),
    "index_fallback_faces": (0, 10**12),
}

_CHOICES: dict[str, tuple[str, ...]] = {
    "recognizer": ("local", "rekognition"),
    "detection_attributes": ("DEFAULT", "ALL"),
    "device": ("auto", "cpu", "cuda"),
    "precision": ("auto", "float32"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": ("auto", "text", "json"),
}


def load(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Settings from file, environment and `overrides` (command line; None values are skipped).

    Raises SettingError for an unknown name in the file or a value out of its range, naming the source.
    """
    environ = os.environ if environ is None else environ
    path = file or Path(environ.get(PREFIX + "CONFIG", FILE))
    names = {one.name: str(one.type) for one in list_settings()}
    values: dict[str, Any] = {}
    if not path.exists() and file is None and environ.get(PREFIX + "CONFIG"):
        raise SettingError(f"There is no file {path}, which {PREFIX}CONFIG names.")
    if path.is_file():
        for name, value in _read(path).items():
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                meant = f"Did you mean {near[0]}?" if near else f"Settings are: {', '.join(sorted(names))}."
                raise SettingError(f"{path}: '{name}' is no setting. {meant}")
            values[name] = _parse(name, names[name], value, f"{path}, line '{name}'")
    for name, kind in names.items():
        variable = PREFIX + name.upper()
        if environ.get(variable, "") != "" and not _is_injected(name.upper(), environ[variable]):
            values[name] = _parse(name, kind, environ[variable], f"environment variable {variable}")
    for name, value in (overrides or {}).items():
        if value is not None:
            values[name] = _parse(name, names[name], value, f"option --{name.replace('_', '-')}")
    return Settings(**values, given=frozenset(values))


def list_settings() -> list[Field[Any]]:
    """The fields that are settings, each with its sentence in `metadata["doc"]`."""
    return [one for one in fields(Settings) if "doc" in one.metadata]


def list_shared() -> list[str]:
    """Names of the settings that all services on one catalog in PostgreSQL have alike."""
    return [one.name for one in list_settings() if one.metadata["shared"]]


def format_value(value: Any) -> str:
    """A value of a setting, as a person writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_value(name: str, text: str, source: str) -> Any:
    """The value of a setting by its name in small letters. Raises SettingError, naming the source."""
    kinds = {one.name: str(one.type) for one in list_settings()}
    return _parse(name, kinds[name], text, source)


def unknown(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables of the environment with the prefix KENSPECKLE_ that are no settings, each with the nearest setting or
    "". Those that Kubernetes makes for a Service named kenspeckle are not among them."""
    environ = os.environ if environ is None else environ
    names = [one.name.upper() for one in list_settings()]
    found: dict[str, str] = {}
    for variable, value in sorted(environ.items()):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in OTHERS or name in names or _is_injected(name, value):
            continue
        near = difflib.get_close_matches(name, names, n=1)
        found[variable] = PREFIX + near[0] if near else ""
    return found


def unknown_messages(unknown: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that `unknown` has found."""
    return [
        f"{variable} is no setting and is not used" + (f"; did you mean {near}?" if near else ".")
        for variable, near in unknown.items()
    ]


def _is_injected(name: str, value: str) -> bool:
    """Whether Kubernetes has set this variable. PORT is a setting too: the value that Kubernetes sets is a URL."""
    return bool(_INJECTED_URL.fullmatch(value)) if name == "PORT" else bool(_INJECTED.fullmatch(name))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path} can't be read as TOML: {error}") from error


def _parse(name: str, kind: str, value: Any, source: str) -> Any:
    try:
        parsed = _PARSERS[kind](value if isinstance(value, str) else str(value))
    except ValueError as error:
        expected = _EXPECTED.get(kind, str(error))
        raise SettingError(f"{source}: '{value}' can't be used: {expected}.", field=name) from error
    if name == "data_dir" and "?" in str(parsed):
        raise SettingError(f"{source}: '{value}' has a '?', at which the URL of the database would end.", field=name)
    if name in _RANGES and not _RANGES[name][0] <= parsed <= _RANGES[name][1]:
        raise SettingError(f"{source}: {value} is outside {_RANGES[name][0]}..{_RANGES[name][1]}.", field=name)
    if name in _CHOICES and parsed not in _CHOICES[name]:
        raise SettingError(f"{source}: '{value}' is none of {', '.join(_CHOICES[name])}.", field=name)
    return parsed
