"""Checks the values of untrusted JSON for type and range. Raises InvalidValue where one does not fit."""

from __future__ import annotations

import base64
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kenspeckle.errors import InvalidValue

_LARGEST: Final = 1e6
"""Largest ratio, angle or percentage: with much larger ones no face can be cut out or drawn."""
_AHEAD: Final = 86_400.0
"""Seconds that another machine's clock may be ahead. Retention would never reach faces with later dates."""


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise InvalidValue("a text is expected")
    return value


def matching(pattern: re.Pattern[str], value: Any) -> str:
    """A text that is all of the pattern."""
    found = text(value)
    if not pattern.fullmatch(found):
        raise InvalidValue(f"{found[:60]!r} is not allowed here")
    return found


def mapping(value: Any) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise InvalidValue("an object is expected")
    return value


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidValue("a finite number is expected")
    return float(value)


def measure(value: Any) -> float:
    """A ratio, an angle or a percentage."""
    if type(value) is float and -_LARGEST <= value <= _LARGEST:  # nearly all; a line of an export has twenty
        return value
    found = number(value)
    if abs(found) > _LARGEST:
        raise InvalidValue(f"a number from {-_LARGEST:.0f} to {_LARGEST:.0f} is expected")
    return found


def moment(value: Any) -> float:
    """A time in seconds since 1970 that is not in the future, with a tolerance of a day."""
    seconds = number(value)
    latest = time.time() + _AHEAD
    if not 0 <= seconds <= latest:
        raise InvalidValue(f"a time in seconds since 1970 is expected that has been, {latest:.0f} (tomorrow) at most")
    return seconds


def measures(value: Any, names: Sequence[str]) -> dict[str, float]:
    """The measures of these names in an object, as keyword arguments. Raises KeyError where one is missing."""
    found = mapping(value)
    return {name: measure(found[name]) for name in names}


def whole(value: Any, least: int = 0, most: int = (1 << 53)) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidValue(f"a whole number from {least} to {most} is expected")
    return value


def binary(value: Any) -> bytes:
    """Bytes of base64."""
    try:
        return base64.b64decode(text(value), validate=True)
    except ValueError as error:  # binascii.Error, or characters beyond ASCII
        raise InvalidValue("base64 is expected") from error
