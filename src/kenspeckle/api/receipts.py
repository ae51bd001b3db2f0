"""Handlers of receipts of erasure. A key sees the receipts of its collections."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.route import route
from kenspeckle.domain import operations as ops
from kenspeckle.shapes import dump

_ReceiptId = Annotated[str, Path(description="Id of the receipt: its member `id`.", max_length=64)]


class Receipts:
    """What is found is limited to the collections of the key."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "GET",
        "/v1/receipts/{receipt_id}",
        tag="faces",
        right=ops.GetReceipt.right,
        answer=schemas.SignedReceipt,
        example=examples.receipt,
        codes=("receipt_not_found", "not_offered"),
    )
    async def get_receipt(self, request: Request, receipt_id: _ReceiptId) -> Response:
        """The receipt of an erasure as it is now: `state` is pending until no file of the service holds anything of
        what it names, then complete. It is kept for 30 days after that."""
        only = request.state.principal.only
        found = await self.edge.handle(ops.GetReceipt(receipt_id=receipt_id, only=only))
        return answer(dump.receipt(found))
