"""Which other sites' pages may call the service: those that the operator lists."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from kenspeckle.errors import SettingError

READABLE = (
    "x-request-id",
    "x-amzn-requestid",
    "retry-after",
    "x-kenspeckle-approximate",
    "ratelimit",
    "ratelimit-policy",
)
"""Headers of answers that these pages may read."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

KEEP_SECONDS = 600
"""How long a browser may cache the answer to a preflight."""


def middleware(cors_origins: str) -> tuple[Middleware, ...]:
    """The CORS protocol (fetch.spec.whatwg.org) for the setting's origins; nothing where it is empty.

    Any header may be sent, because metadata and the AWS SDKs use many; the origin decides. Cookies are not used; keys
    are sent in headers. Raises SettingError.
    """
    allowed = origins(cors_origins)
    if not allowed:
        return ()
    return (
        Middleware(
            CORSMiddleware,
            allow_origins=allowed,
            allow_methods=METHODS,
            allow_headers=["*"],
            expose_headers=READABLE,
            max_age=KEEP_SECONDS,
        ),
    )


def origins(cors_origins: str) -> tuple[str, ...]:
    """The origins of the setting as browsers write them. Raises SettingError for anything else, `*` and `null` too."""
    return tuple(_origin(one.strip()) for one in cors_origins.split(",") if one.strip())


def _origin(text: str) -> str:
    if text in ("*", "null"):
        raise SettingError(
            f"CORS_ORIGINS: '{text}' would let any page use the keys of its visitors; list the origins that may.",
            field="cors_origins",
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not host or "*" in host or "@" in parts.netloc or text != bare:
        raise SettingError(
            f"CORS_ORIGINS: '{text[:100]}' is no origin. Write scheme, host and port only, without a path: "
            "https://app.example.org.",
            field="cors_origins",
        )
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" if port in (None, usual) else f"{parts.scheme}://{shown}:{port}"
