"""Options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_WHERE = "Where to"
_HOW = "How"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="KENSPECKLE_URL",
        help="Ask the server at this address (http://host:port) instead of the local data folder.",
        rich_help_panel=_WHERE,
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option("--api-key", envvar="KENSPECKLE_API_KEY", help="Key for --url.", rich_help_panel=_WHERE),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="The local data folder to use.", rich_help_panel=_WHERE)
]
Collection = Annotated[
    str | None,
    typer.Option("--collection", help="Collection to use instead of the default one.", rich_help_panel=_WHERE),
]
ModelsDir = Annotated[Path | None, typer.Option("--models-dir", help="Folder of model packs to use.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Quality = Annotated[
    Literal["none", "auto", "low", "medium", "high"] | None,
    typer.Option("--quality", case_sensitive=False, help="How good a face has to be to be used.", rich_help_panel=_HOW),
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", min=0, max=100, help="Similarity from which a face is a match.", rich_help_panel=_HOW),
]
MaxFaces = Annotated[
    int | None, typer.Option("--max-faces", min=1, max=4096, help="At most so many faces.", rich_help_panel=_HOW)
]
Save = Annotated[
    Path | None,
    typer.Option("--save", help="Write the photograph with boxes and names to this picture file.", dir_okay=False),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many rows.", show_default=True)]
