"""Triggers that make the audit trail append-only, for each database that is supported."""

from __future__ import annotations

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
