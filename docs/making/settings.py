"""settings.md: every setting with its default and meaning, from `kenspeckle.settings`."""

from __future__ import annotations

from dataclasses import MISSING

from docs.making.tables import MADE, table
from kenspeckle.settings import FILE, PREFIX, list_settings

DIFFERS = {
    "data_dir": "the user's data folder",
    "models_dir": "the user's cache folder",
    "workers": "cores",
}
"""Defaults that differ from machine to machine."""

HEAD = f"""# Settings

Each is an environment variable, a line of `{FILE}` in the working folder (lower case, without the prefix;
`{PREFIX}CONFIG` names another file), and some are options of [`serve`](commands.md#kenspeckle-serve). The
command line wins over the environment, the environment over the file. `kenspeckle settings` shows the values in
force and where they come from. With PostgreSQL as the catalog, settings that are marked with * lie there, the same for
all services on it, which follow them or do not start ([cluster.md](cluster.md#settings-that-all-replicas-have-alike)).

"""
TAIL = """
Yes or no is `true` or `false`. A value that can't be stops the start, and the message names the source that it
came from.

AWS services are reached as boto3 is configured: `AWS_ENDPOINT_URL_S3`, credentials, profile.
"""


def page() -> str:
    """The whole page."""
    return MADE + HEAD + table(("setting", "default", "meaning"), _rows()) + TAIL


def _rows() -> list[tuple[str, str, str]]:
    rows = []
    for one in list_settings():
        made = DIFFERS.get(one.name)
        default = "" if one.default is MISSING else _shown(one.default)
        shown = made or (f"`{default}`" if default else "")
        mark = " *" if one.metadata["shared"] else ""
        rows.append((f"`{PREFIX}{one.name.upper()}`{mark}", shown, one.metadata["doc"]))
    return rows


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
