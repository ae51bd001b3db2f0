"""Query parameters of a request, as CompreFace documents them; others are ignored."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from kenspeckle.compreface.errors import ARGUMENT, CONSTRAINT, NO_PARAMETER, PREDICTION_COUNT, Refusal
from kenspeckle.domain import Attribute

OFFERED = frozenset({"age", "gender", "landmarks", "calculator", "pose", "detector"})
"""Plugins that answer something; gender only where the operator has switched it on."""
NOT_OFFERED = frozenset({"mask", "landmarks2d106"})
"""Plugins of CompreFace that are left out of answers here."""

ATTRIBUTES = {"age": Attribute.AGE_RANGE, "gender": Attribute.GENDER}
"""Plugins that take networks of their own."""

LEAST_PROBABILITY = 0.8
"""CompreFace's own default of det_prob_threshold."""

MOST_PREDICTIONS = 1000
MOST_ON_A_PAGE = 10_000

MOST_DIGITS = 9

_NUMBER = re.compile(rf"[+-]?[0-9]{{1,{MOST_DIGITS}}}\Z")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0", ""})


@dataclass(frozen=True, slots=True)
class Detection:
    """How a photograph is searched for faces. `limit` 0 is no limit, `least` a percentage."""

    limit: int
    least: float
    plugins: frozenset[str]
    status: bool

    @property
    def attributes(self) -> frozenset[Attribute]:
        return frozenset(attribute for plugin, attribute in ATTRIBUTES.items() if plugin in self.plugins)

    @property
    def most(self) -> int | None:
        return min(self.limit, 100) or None


def detection(request: Request) -> Detection:
    """Raises Refusal."""
    plugins = frozenset(one.strip() for one in _first(request, "face_plugins").split(",") if one.strip())
    strange = plugins - OFFERED - NOT_OFFERED
    if strange:
        raise Refusal(
            CONSTRAINT,
            f"There is no face plugin {min(strange)[:40]!r}; there are: {', '.join(sorted(OFFERED - {'detector'}))}.",
        )
    if not flag(request, "detect_faces", True):
        raise Refusal(CONSTRAINT, "detect_faces=false is not offered: faces are found in the photograph that is sent.")
    return Detection(number(request, "limit", 0), _probability(request), plugins, flag(request, "status", False))


def predictions(request: Request) -> int:
    """How many subjects a face is told. Raises Refusal."""
    count = number(request, "prediction_count", 1, least=-(10**9))
    if not 1 <= count <= MOST_PREDICTIONS:
        raise Refusal(PREDICTION_COUNT, f"prediction_count must be from 1 to {MOST_PREDICTIONS}; {count} is not.")
    return count


def subject(request: Request, *, needed: bool = False) -> str | None:
    """The parameter `subject`; None for none. Raises Refusal."""
    found = _first(request, "subject")
    if needed and not found:
        raise Refusal(NO_PARAMETER, "Required parameter 'subject' is missing.")
    return found or None


def page(request: Request) -> tuple[int, int]:
    """Number, from 0, and size. Raises Refusal."""
    size = number(request, "size", 20, least=1)
    if size > MOST_ON_A_PAGE:
        raise Refusal(CONSTRAINT, f"size may be {MOST_ON_A_PAGE} at most; ask for more pages.")
    return number(request, "page", 0), size


def number(request: Request, name: str, default: int, *, least: int = 0) -> int:
    """A whole number from `least` on. Raises Refusal."""
    text = _first(request, name).strip()
    if not text:
        return default
    if not _NUMBER.match(text):
        raise Refusal(ARGUMENT, f"{name} must be a whole number of {MOST_DIGITS} digits at most; {text[:40]!r} is not.")
    if int(text) < least:
        raise Refusal(CONSTRAINT, f"{name} must be {least} or more; {text} is not.")
    return int(text)


def flag(request: Request, name: str, default: bool) -> bool:
    """True or false. Raises Refusal."""
    values: Mapping[str, str] = request.query_params
    if name not in values:
        return default
    text = values[name].strip().lower()
    if text not in _TRUE | _FALSE:
        raise Refusal(ARGUMENT, f"{name} must be true or false; {text[:40]!r} is neither.")
    return text in _TRUE


def _probability(request: Request) -> float:
    text = _first(request, "det_prob_threshold").strip()
    try:
        value = float(text) if text else LEAST_PROBABILITY
    except ValueError:
        raise Refusal(ARGUMENT, f"det_prob_threshold must be a number; {text[:40]!r} is not.") from None
    if not math.isfinite(value) or not 0 <= value <= 1:
        raise Refusal(CONSTRAINT, f"det_prob_threshold must be from 0 to 1; {text[:40]} is not.")
    return value * 100


def _first(request: Request, name: str) -> str:
    found = request.query_params.getlist(name)
    return found[0] if found else ""
