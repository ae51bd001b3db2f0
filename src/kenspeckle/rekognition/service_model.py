"""Amazon Rekognition's service model, as botocore ships it: operations, their shapes and the errors they declare.

Read straight from botocore's data folder: its own loader imports an HTTP client first and takes 50 times as long.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from kenspeckle.errors import SettingError

SERVICE = "rekognition"
TARGET_PREFIX = "RekognitionService"

_FILE = Path("data", "rekognition", "2016-06-27", "service-2.json")

Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """The service model. `operations` and `shapes` are as in the file; see botocore's documentation of the format."""

    operations: Mapping[str, Mapping[str, Any]]
    shapes: Mapping[str, Shape]

    def input(self, operation: str) -> str:
        """Name of the shape of the operation's request."""
        return str(self.operations[operation]["input"]["shape"])

    def errors(self, operation: str) -> frozenset[str]:
        """Names of the errors that the operation declares."""
        return frozenset(error["shape"] for error in self.operations[operation].get("errors", ()))

    def is_fault(self, error: str) -> bool:
        """Whether the error is the server's (HTTP 500) and not the client's (400)."""
        return bool(self.shapes.get(error, {}).get("fault", False))


def load() -> Model:
    """The model of the installed botocore. Raises SettingError where that has none."""
    spec = importlib.util.find_spec("botocore")
    places = [Path(place) / _FILE for place in (spec.submodule_search_locations or ())] if spec else []
    for place in places:
        packed = place.with_name(place.name + ".gz")
        if packed.is_file():
            return _parse(gzip.decompress(packed.read_bytes()))
        if place.is_file():
            return _parse(place.read_bytes())
    raise SettingError("The installed botocore has no Rekognition service model; install botocore 1.43 or newer.")


def _parse(data: bytes) -> Model:
    document = orjson.loads(data)
    return Model(operations=document["operations"], shapes=document["shapes"])
