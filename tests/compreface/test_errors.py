"""Every error of the core has an answer in CompreFace's form."""

from __future__ import annotations

import json

import pytest

from kenspeckle.compreface.errors import TABLE, of_error
from kenspeckle.errors import KenspeckleError
from kenspeckle.serving import problems
from tests.api.fake import every_error


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_an_answer(kind: type[KenspeckleError]) -> None:
    error = kind("What was wrong.", retry_after=2.0)
    answer = of_error(error)
    said = json.loads(bytes(answer.body))
    assert said.keys() == {"message", "code"}
    if not any(one in TABLE for one in kind.__mro__):
        assert answer.status_code == problems.of_error(error).status
    assert 400 <= answer.status_code < 600
    assert said["message"] == (problems.INTERNAL if answer.status_code == 500 else "What was wrong.")
