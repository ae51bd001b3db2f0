"""The audit trail, photographs that are still to be removed, and how long a collection keeps faces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Against mistakes and simple tools; who can drop triggers is found by the chain. Rows at or below the floor are
# removed by age, after the floor was raised. A database whose guards are not written here gets no trail that anyone
# could change unseen: it is refused.
GUARDS = {
    "sqlite": (
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
        "WHEN OLD.number > (SELECT floor FROM audit_head) "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()",
        "CREATE FUNCTION audit_above_the_floor() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF OLD.number > (SELECT floor FROM audit_head) THEN "
        "RAISE EXCEPTION 'the audit trail is append-only'; END IF; RETURN OLD; END $$",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_above_the_floor()",
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit EXECUTE FUNCTION audit_is_append_only()",
        "CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head FOR EACH ROW "
        "EXECUTE FUNCTION audit_is_append_only()",
        "CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head EXECUTE FUNCTION audit_is_append_only()",
    ),
}


def guards(dialect: str) -> tuple[str, ...]:
    """Statements that make the trail append-only. Raises NotImplementedError for a database that has none here."""
    if dialect not in GUARDS:
        raise NotImplementedError(f"The audit trail has no guards against changes on {dialect}.")
    return GUARDS[dialect]


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("operation", sa.String(length=255), nullable=False),
        sa.Column("outcome", sa.String(length=255), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("collection_id", sa.String(length=255), nullable=True),
        sa.Column("face_count", sa.BigInteger(), nullable=False),
        sa.Column("faces", sa.Text(), nullable=False, comment="JSON list of face ids"),
        sa.Column("facts", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    head = op.create_table(
        "audit_head",
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False, comment="newest row that was removed by age"),
        sa.Column("floor_hash", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
    )
    nothing = bytes(32)
    op.bulk_insert(head, [{"row": 1, "number": 0, "hash": nothing, "floor": 0, "floor_hash": nothing, "seal": b""}])
    for guard in guards(op.get_bind().dialect.name):
        op.execute(guard)
    op.create_table(
        "removals",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of a photograph whose last face went"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.add_column("collections", sa.Column("retention_days", sa.Integer(), nullable=True, comment="null: for good"))
