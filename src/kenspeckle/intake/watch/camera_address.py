"""Addresses of cameras, and their passwords, which no message shows."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import CameraAddress

VARIABLE = "KENSPECKLE_CAMERA_CREDENTIALS"
_SCHEMES = {"rtsp": 554, "rtsps": 322}
_BEGINS = re.compile(r"(rtsps?|rtspu|rtmps?|http|https|onvif|udp|rtp|srt):/", re.IGNORECASE)
_PLAIN = re.compile(r"[!-~]*")
_OTHERS = re.compile(r"[^a-zA-Z0-9_.\-:]+")
_MOST = 4096
"""Bytes of a file with user and password."""
_HOW = f"Write user:password into a file for --credentials, or into the variable {VARIABLE}."


def is_camera(where: str) -> bool:
    """Whether this is an address or a device, and no folder."""
    if _BEGINS.match(where):
        return True
    try:
        return stat.S_ISCHR(os.stat(where).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def parse(where: str, credentials: str) -> CameraAddress:
    """The camera at this address or device, with `user:password`, or a password alone. Raises CommandFailed, which
    shows nothing of either."""
    if not _BEGINS.match(where):
        return CameraAddress(device=os.path.abspath(where))  # noqa: PTH100 - a link to a device is one
    try:
        parts = urlsplit(where)
        port = parts.port
    except ValueError as error:
        raise _no_address() from error
    if parts.scheme not in _SCHEMES:
        raise CommandFailed("Cameras are watched by RTSP.", "Give rtsp://HOST/PATH, or rtsps://HOST/PATH for TLS.")
    if parts.password is not None:
        raise CommandFailed("The address holds a password, which everybody on this machine could read there.", _HOW)
    if not parts.hostname or not _PLAIN.fullmatch(where) or parts.fragment or port == 0:
        raise _no_address()
    user, colon, password = credentials.partition(":")
    if not colon:
        user, password = unquote(parts.username or ""), credentials
    return CameraAddress(
        host=parts.hostname,
        port=port or _SCHEMES[parts.scheme],
        tls=parts.scheme == "rtsps",
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        user=user,
        password=password,
    )


def name_of(camera: CameraAddress) -> str:
    """The name of a camera that got none: its host, which is no secret, as path and query may be."""
    own = Path(camera.device).name if camera.device else camera.host
    if camera.host and camera.port not in _SCHEMES.values():
        own += f":{camera.port}"
    return _OTHERS.sub("_", own)[:100]


def credentials_of(file: Path | None, remark: Callable[[str], None]) -> str:
    """`user:password` of the file, or of the variable, which is taken out of the environment. Raises CommandFailed."""
    given = os.environ.pop(VARIABLE, "")
    if file is None:
        return given
    try:
        with file.open("rb") as opened:
            mode, data = os.fstat(opened.fileno()).st_mode, opened.read(_MOST + 1)
    except OSError as error:
        raise CommandFailed(f"{file} can't be read: {error.strerror}.", _HOW) from error
    if mode & 0o077:
        remark(f"Others can read {file}, which holds a password: chmod 600 {file}")
    try:
        text = data.decode().strip("\r\n")
    except UnicodeDecodeError:
        text = "\n"
    if not text or len(data) > _MOST or "\n" in text or "\0" in text:
        raise CommandFailed(f"{file} does not hold user:password on one line.", _HOW)
    return text


def _no_address() -> CommandFailed:
    return CommandFailed("This is no address of a camera.", "Give rtsp://HOST:PORT/PATH, without blanks.")
