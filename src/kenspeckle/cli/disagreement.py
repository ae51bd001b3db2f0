"""Warns on standard error where faces that were stored under one name disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kenspeckle.cli.output import remark
from kenspeckle.domain.operations import FindMixedPeople
from kenspeckle.intake.agreement import Agreement, Find
from kenspeckle.intake.bulk import SHOWN

if TYPE_CHECKING:
    from kenspeckle.ports import Recognizer


def find_mixed_people(recognizer: Recognizer, collection: str) -> Find:
    """People of identities whose faces seem to show several, as the recognizer finds them."""
    return lambda names: recognizer.handle(FindMixedPeople(collection_id=collection, external_image_ids=list(names)))


def warn(agreement: Agreement, find: Find) -> None:
    """Say where a photograph of several became one person, and who seems to be two."""
    warnings = list(agreement.warnings(find))
    for one in warnings[:SHOWN]:
        remark(one, "yellow")
    if len(warnings) > SHOWN:
        remark(f"And {len(warnings) - SHOWN} more; kenspeckle people duplicates lists who may be several.", "yellow")
