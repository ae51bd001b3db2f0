"""Options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_WHERE = "Where to"
_HOW = "How"


def on_the_scale(similarity: float | None) -> float | None:
    """A similarity as it is given. Raises BadParameter for a fraction of 1, which would let everyone through."""
    if similarity is not None and 0 < similarity < 1:
        raise typer.BadParameter(
            f"{similarity:g} lets everyone through: similarities go from 0 to 100. Write {100 * similarity:g}?"
        )
    return similarity


Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="KENSPECKLE_URL",
        help="Ask the server at this address (http://host:port) instead of the local data folder.",
        show_default="the local data folder",
        rich_help_panel=_WHERE,
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key", envvar="KENSPECKLE_API_KEY", help="Key for --url.", show_default="none", rich_help_panel=_WHERE
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The local data folder to use.", show_default="DATA_DIR", rich_help_panel=_WHERE),
]
Collection = Annotated[
    str | None,
    typer.Option(
        "--collection", help="Collection to use.", show_default="COLLECTION, kenspeckle", rich_help_panel=_WHERE
    ),
]
ModelsDir = Annotated[
    Path | None, typer.Option("--models-dir", help="Folder of model packs to use.", show_default="MODELS_DIR")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Quality = Annotated[
    Literal["none", "auto", "low", "medium", "high"] | None,
    typer.Option(
        "--quality",
        case_sensitive=False,
        help="How good a face has to be to be searched.",
        show_default="none",
        rich_help_panel=_HOW,
    ),
]
StoredQuality = Annotated[
    Literal["none", "auto", "low", "medium", "high"] | None,
    typer.Option(
        "--quality",
        case_sensitive=False,
        help="How good a face has to be to be stored.",
        show_default="QUALITY_FILTER, auto",
        rich_help_panel=_HOW,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        max=100,
        callback=on_the_scale,
        help="Similarity from which a face is a match.",
        show_default="FACE_MATCH_THRESHOLD, 80",
        rich_help_panel=_HOW,
    ),
]
MaxFaces = Annotated[
    int | None,
    typer.Option(
        "--max-faces",
        min=1,
        max=4096,
        help="At most so many faces.",
        show_default="MAX_FACES, 10",
        rich_help_panel=_HOW,
    ),
]
Attributes = Annotated[
    str | None,
    typer.Option(
        "--attributes",
        metavar="NAMES",
        help="Tell more of each face: ALL, or names with commas between (AGE_RANGE, EYES_OPEN, EYE_DIRECTION, "
        "FACE_OCCLUDED, LANDMARKS, MOUTH_OPEN, SMILE; GENDER where it is switched on).",
        show_default="DEFAULT, which is none of these",
        rich_help_panel=_HOW,
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        "--save",
        help="Write the photograph with boxes and names to this picture file.",
        show_default="no picture",
        dir_okay=False,
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many rows.", show_default=True)]
