"""Puts the picture of a mermaid fence into the built site, in place of a script that would draw it there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pymdownx.superfences import SuperFencesException

PICTURES = Path(__file__).parents[1] / "pictures"


def picture_of(source: str) -> Path:
    """Where the picture of a diagram lies: named by its source, so that a changed one has none."""
    return PICTURES / f"diagram-{hashlib.sha256(source.strip().encode()).hexdigest()[:12]}.svg"


def diagram(source: str, _language: str, _name: str, _options: Any, _markdown: Any, **_rest: Any) -> str:
    """The fence as a picture within the page, so that it takes the colours of the theme."""
    file = picture_of(source)
    if not file.is_file():
        raise SuperFencesException(f"{file.name} is missing; run: make pictures")
    return f'<figure class="diagram">{file.read_text("utf-8").strip()}</figure>'
