"""Parses URLs of storage: file:///folder and s3://bucket/prefix."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from kenspeckle.errors import SettingError

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """A bucket, and what all keys in it begin with: empty, or ending in a slash."""

    bucket: str
    prefix: str


def parse(url: str, setting: str) -> Path | BucketUrl:
    """The folder (absolute) or the bucket that a URL names. Raises SettingError naming the setting."""
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise SettingError(f"{setting}: '?' and '#' in '{url}' are written %3F and %23.", field=setting.lower())
    if parts.scheme == "file":
        path = os.fsdecode(unquote_to_bytes(os.fsencode(parts.path)))  # names of folders may be any bytes
        if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
            raise SettingError(
                f"{setting}: '{url}' names no folder of this machine; write file:///path/to/folder.",
                field=setting.lower(),
            )
        return Path(path)
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        prefix = unquote(parts.path).strip("/")
        return BucketUrl(parts.netloc, prefix + "/" if prefix else "")
    raise SettingError(
        f"{setting}: '{url}' is no place; write file:///path/to/folder or s3://bucket/prefix.", field=setting.lower()
    )
