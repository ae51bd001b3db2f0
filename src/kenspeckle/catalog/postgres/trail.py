"""Appends a row to the audit trail in one statement, which is a transaction by itself: one message to the server where
reading the end of the trail, adding to it and committing take five."""

from __future__ import annotations

from typing import Final

APPEND: Final = (
    "WITH moved AS (UPDATE audit_head SET number = %(number)s::bigint, hash = %(hash)s::bytea, "
    "seal = %(seal)s::bytea WHERE number = %(was_number)s::bigint AND hash = %(was_hash)s::bytea "
    "AND floor = %(was_floor)s::bigint AND floor_hash = %(was_floor_hash)s::bytea AND seal = %(was_seal)s::bytea "
    "RETURNING 1) "
    "INSERT INTO audit (number, at, operation, outcome, who, name, request_id, address, collection_id, face_count, "
    "faces, facts, hash, seal) SELECT %(number)s::bigint, %(at)s::double precision, %(operation)s::text, "
    "%(outcome)s::text, %(who)s::text, %(name)s::text, %(request_id)s::text, %(address)s::text, "
    "%(collection_id)s::text, %(face_count)s::bigint, %(faces)s::text, %(facts)s::text, %(hash)s::bytea, "
    "%(row_seal)s::bytea FROM moved"
)
"""Adds nothing where the end of the trail is no longer what it was."""
