"""The key that seals the audit trail; it is refused under another master key, unless the operator has confirmed that
one."""

from __future__ import annotations

from kenspeckle.domain.audit import PURPOSE, is_sealed, seal_of
from kenspeckle.errors import SettingError
from kenspeckle.ports import AuditQuery, Deriver, Trail

_WAYS = (
    "Put the copy that you kept back in its place. Where it is lost for good, `kenspeckle audit new-key` goes on under "
    "another one and says what has to be made anew."
)


def sealing_key(trail: Trail, master: Deriver, *, any_key: bool = False, new_key: bool = False) -> bytes:
    """The key, derived from the master key. `any_key` takes a master key that does not fit, `new_key` makes one where
    there is none.

    Otherwise raises SettingError where the trail was sealed under another master key than the present one, or there is
    none: a new one would silently invalidate AWS pairs, webhooks and the trail. Where only the head does not fit, it
    was tampered with, which the recorder records."""
    begun = trail.audit_head().begun
    if begun and not new_key and not master.there():
        raise SettingError(
            f"The catalog was written under a master key, and there is none ({master.place}). {_WAYS}",
            field="master_key",
        )
    key = master.derive(PURPOSE)
    if begun and not (any_key or new_key or fits(trail, key)):
        raise SettingError(
            f"The catalog was written under another master key than this one ({master.place}). {_WAYS}",
            field="master_key",
        )
    return key


def fits(trail: Trail, key: bytes) -> bool:
    """Whether the end of the trail was sealed under this key: its head or its newest row."""
    if is_sealed(trail.audit_head(), key):
        return True
    newest = trail.find_audit(AuditQuery(), 1)
    return bool(newest) and newest[0].seal == seal_of(key, newest[0].hash)
