"""Checks the master key, whether the catalog was written under it, and the audit trail that it seals."""

from __future__ import annotations

import stat

from kenspeckle.compose.data_folder import anchors_of, locked_anchors_of
from kenspeckle.doctor.findings import Examined, on
from kenspeckle.doctor.instance import Instance
from kenspeckle.domain.audit import PURPOSE, is_sealed
from kenspeckle.errors import KenspeckleError
from kenspeckle.text import plural
from kenspeckle.usecases.audit import verification

SHOWN = 3

_NEEDED = "Secrets of AWS pairs, the seals of the audit trail and the key of receipts follow from it."


def check_key(instance: Instance, found: Examined) -> None:
    file, given = instance.key_file, bool(instance.settings.master_key)
    found.summary = "from KENSPECKLE_MASTER_KEY" if given else str(file)
    if not given:
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
        except FileNotFoundError:
            _absent(instance, found)
            return
        except OSError as error:
            found.fault("key_unreadable", f"{file} can't be read: {error.strerror}.", _NEEDED, on("ls -l", file))
            return
        if mode & 0o077:
            found.warn(
                "key_open",
                f"The master key can be read by others ({mode:o}).",
                "Whoever has it can seal a forged audit trail.",
                on("chmod 600", file),
            )
    try:
        derived = instance.master.derive(PURPOSE)
    except KenspeckleError as error:
        found.fault("key_unusable", error.message, _NEEDED, _back(instance))
        return
    head = instance.catalog.catalog.audit_head()
    if head.begun and not is_sealed(head, derived):
        found.fault(
            "key_of_another",
            "The master key is not the one that the audit trail was sealed under last (or the trail was changed).",
            _NEEDED,
            _if_lost(instance),
        )
    _pairs(instance, found)


def _absent(instance: Instance, found: Examined) -> None:
    keys = instance.catalog.catalog.keys()
    pairs = any(key.kind == "aws" for key in keys)
    if instance.catalog.catalog.audit_head().begun or pairs or instance.settings.master_key_file:
        found.fault(
            "key_missing",
            f"The master key {instance.key_file} is not there, and the catalog was written under one.",
            f"{_NEEDED} The service does not start without it.",
            _if_lost(instance),
        )
    else:
        found.note("key_absent", f"{instance.key_file} is not there.", "The first start makes it.", "kenspeckle serve")


def _pairs(instance: Instance, found: Examined) -> None:
    """Secrets of AWS pairs have to be recoverable, or their requests can't be verified."""
    lost = []
    keys = instance.catalog.catalog.keys()
    for key in keys:
        if key.kind != "aws" or key.revoked_at is not None:
            continue
        secret = instance.catalog.catalog.key_with_secret(key.key_id)
        try:
            if secret is not None:
                instance.master.unseal(secret[1], key.key_id)
        except KenspeckleError:
            lost.append(key.key_id)
    if lost:
        found.fault(
            "pair_lost",
            f"Secrets of {plural(len(lost), 'AWS pair')} can't be decrypted: {', '.join(lost[:SHOWN])}.",
            "Every request that they sign is refused.",
            f"{_back(instance)}; or kenspeckle keys rotate {lost[0]}",
        )


def _back(instance: Instance) -> str:
    return f"Put the copy that you kept back in its place ({instance.key_file}), chmod 600"


def _if_lost(instance: Instance) -> str:
    return f"{_back(instance)}; where it is lost for good: kenspeckle audit new-key"


def check_trail(instance: Instance, found: Examined) -> None:
    catalog = instance.catalog.catalog
    if not catalog.audit_head().begun and next(iter(catalog.audit_rows()), None) is None:
        found.note("trail_not_begun", "Nothing was recorded yet.", "The first start begins the trail.")
        found.summary = "empty"
        return
    try:
        key = instance.master.derive(PURPOSE)
    except KenspeckleError:
        found.skip("seals can't be verified without the master key")
        return
    instance.progress("audit", 0, 1)
    try:
        bucket = locked_anchors_of(instance.settings, key)
        locked = bucket.read() if bucket else ()
    except KenspeckleError as error:
        found.fault(
            "anchors_unreadable",
            error.message,
            "No anchor there shows whether the trail's end was cut off.",
            "Correct AUDIT_ANCHORS_URL, or what it needs of the bucket (docs/security.md)",
        )
        locked = ()
    verified = verification.verify(catalog, key, kept=anchors_of(instance.settings).read(), locked=locked)
    instance.progress("audit", 1, 1)
    for one in verified.findings[:SHOWN]:
        found.fault(
            "trail_broken",
            f"Row {one.number}: {one.what}.",
            "Somebody has changed the record, or the master key is another one.",
            "kenspeckle audit verify, with an anchor that was kept elsewhere; see docs/security.md",
        )
    rest = len(verified.findings) - SHOWN + verified.more
    if rest > 0:
        found.note(
            "trail_broken_more",
            f"Also wrong: {plural(rest, 'more row')}.",
            "As above.",
            "kenspeckle audit verify",
        )
    found.summary = f"{plural(verified.rows, 'row')}, " + ("all sound" if verified.sound else "not sound")
