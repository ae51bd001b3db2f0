"""Puts recorded answers of a real server into a page: between `<!-- answer: ROUTE -->` and `<!-- /answer -->`."""

from __future__ import annotations

import re

import orjson

from kenspeckle.api import examples

_PLACE = re.compile(r"(<!-- answer: (\w+) -->\n).*?(<!-- /answer -->)", re.DOTALL)
_SHORT = re.compile(r"\{\s*((?:\"\w+\": [-0-9.]+,?\s*)+)\}")


def page(text: str) -> str:
    """The page with today's answers. Raises KeyError for a route that has none."""
    return _PLACE.sub(lambda place: f"{place[1]}```json\n{_json(place[2])}\n```\n{place[3]}", text)


def _json(route: str) -> str:
    """Readable: an object of nothing but numbers, such as a box, takes one line."""
    shown = orjson.dumps(examples.answers()[route], option=orjson.OPT_INDENT_2).decode()
    return _SHORT.sub(lambda found: "{" + " ".join(found[1].split()) + "}", shown)
