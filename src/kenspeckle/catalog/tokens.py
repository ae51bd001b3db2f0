"""Answers of idempotent calls, kept for eight hours under the client's request token."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.tables import tokens

SECONDS = 8 * 3600.0
"""How long Amazon Rekognition remembers a ClientRequestToken."""

_ANSWER = select(tokens.c.fingerprint, tokens.c.answer).where(
    tokens.c.scope == bindparam("of_scope"),
    tokens.c.token == bindparam("of_token"),
    tokens.c.created_at > bindparam("since"),
)


class Tokens(Part):
    """Answers of idempotent calls."""

    def remember(self, scope: str, token: str, fingerprint: str, answer: str, now: float) -> None:
        since = now - SECONDS
        with self.database.write() as connection:
            connection.execute(delete(tokens).where(tokens.c.created_at <= since))
            earlier = connection.execute(_ANSWER, {"of_scope": scope, "of_token": token, "since": since}).first()
            if earlier is None:
                values = {
                    "scope": scope,
                    "token": token,
                    "fingerprint": fingerprint,
                    "answer": answer,
                    "created_at": now,
                }
                connection.execute(insert(tokens), values)

    def recall(self, scope: str, token: str, now: float) -> tuple[str, str] | None:
        parameters = {"of_scope": scope, "of_token": token, "since": now - SECONDS}
        with self.database.read() as connection:
            found = connection.execute(_ANSWER, parameters).first()
        return None if found is None else (found.fingerprint, found.answer)
