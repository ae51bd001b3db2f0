"""Errors of commands and of remote services, with the next step for people."""

from __future__ import annotations

import os

_NEXT_STEPS = {
    "invalid_setting": "`kenspeckle settings` shows every setting and where its value comes from.",
    "collection_not_found": "`kenspeckle collections list` shows those that exist; `collections create` makes one.",
    "face_not_found": "`kenspeckle faces list` shows those that exist.",
    "user_not_found": "`kenspeckle users list` shows those that exist.",
    "webhook_not_found": "`kenspeckle webhooks list` shows those that exist.",
    "no_face": "`kenspeckle detect IMAGE` shows what is found; a larger or sharper photograph may help.",
    "too_many_faces": "Cut the face out, or send a photograph of one person.",
    "unauthenticated": "Commands take the key as --api-key or KENSPECKLE_API_KEY.",
    "forbidden": "`kenspeckle keys list`, where the service runs, shows what each key may do.",
    "storage_full": "Free some disk space and run the command again; what was indexed before is safe.",
    "overloaded": "Run it again in a moment, or raise KENSPECKLE_WORKERS and KENSPECKLE_QUEUE.",
    "pack_mismatch": "`kenspeckle models list` shows the packs.",
}


class CommandFailed(Exception):
    """A failure of the command line itself, such as a file that isn't there. `hint` is the next step."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ClientError(CommandFailed):
    """A failure of a client: an address or key that is none, or an answer of something else than such a service."""


class UnknownAnswer(ClientError):
    """The server answers what this version of the client does not know, or lacks the route."""


class ServerUnreachable(ClientError):
    """The server does not answer."""


def describe(error: Exception) -> tuple[str, str]:
    """(what went wrong, the next step); the next step is empty where the message already says it."""
    from kenspeckle.errors import KenspeckleError

    if isinstance(error, CommandFailed):
        return error.message, error.hint
    if isinstance(error, KenspeckleError):
        return error.message, _NEXT_STEPS.get(error.code, "")
    if isinstance(error, OSError) and error.strerror:
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return f"{place}{error.strerror}", ""
    if isinstance(error, UnicodeEncodeError):  # an argument that holds undecodable bytes, where only text can be
        return f"'{error.object[:60]}' is no valid text.", "Names of files may be any bytes; all else is UTF-8."
    return (
        f"Something unexpected happened ({type(error).__name__}: {error}).",
        "`kenspeckle --debug ...` shows the traceback, which a bug report needs.",
    )
