"""Answers of idempotent calls, kept for eight hours under the client's request token."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.changes import lock_collection
from kenspeckle.catalog.tables import tokens
from kenspeckle.ports import Answered

SECONDS = 8 * 3600.0
"""How long Amazon Rekognition remembers a ClientRequestToken."""

_ANSWER = select(tokens.c.fingerprint, tokens.c.answer).where(
    tokens.c.scope == bindparam("of_operation"),
    tokens.c.token == bindparam("of_token"),
    tokens.c.created_at > bindparam("since"),
)
_EXPIRED = delete(tokens).where(tokens.c.created_at <= bindparam("since"))
# Answers that an older version stored have no collection: they are deleted with the first collection that is deleted.
_OF_COLLECTION = delete(tokens).where(
    or_(tokens.c.collection_row == bindparam("collection_row"), tokens.c.collection_row.is_(None))
)


class Tokens(Part):
    """Answers of idempotent calls."""

    def remember(self, collection_id: str, answered: Answered) -> None:
        with self.database.write() as connection:
            keep_answer(connection, lock_collection(connection, collection_id).row, answered)

    def recall(self, operation: str, token: str, now: float) -> tuple[str, str] | None:
        parameters = {"of_operation": operation, "of_token": token, "since": now - SECONDS}
        with self.database.read() as connection:
            found = connection.execute(_ANSWER, parameters).first()
        return None if found is None else (found.fingerprint, found.answer)


def keep_answer(connection: Connection, collection_row: int, answered: Answered | None) -> None:
    """Store the answer of a call that has a token, in the call's transaction. Where the token has another answer
    already, all of it is rolled back (Conflict)."""
    if answered is None:
        return
    connection.execute(_EXPIRED, {"since": answered.now - SECONDS})
    values = {
        "scope": answered.operation,
        "token": answered.token,
        "fingerprint": answered.fingerprint,
        "answer": answered.answer,
        "created_at": answered.now,
        "collection_row": collection_row,
    }
    connection.execute(insert(tokens), values)


def forget_answers(connection: Connection, collection_row: int) -> None:
    """In the transaction that deletes a collection, so that a new collection of the same name is not answered from
    before."""
    connection.execute(_OF_COLLECTION, {"collection_row": collection_row})
