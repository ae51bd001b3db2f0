"""Anchors of the audit trail outside of this machine: messages to webhooks, and objects of a bucket with a lock."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kenspeckle.domain.audit import AuditHead, describe
from kenspeckle.domain.audit_anchor import AuditAnchor, is_anchor, make_anchor
from kenspeckle.ports import Anchors, AuditQuery
from kenspeckle.usecases.audit.recorder import CUT_BACK, Recorder
from kenspeckle.usecases.webhooks.events import Announcer

log = logging.getLogger(__name__)

_TOLD = 100
"""Newest alarms that are looked at for one that tells the same."""


def anchor_elsewhere(recorder: Recorder, announcer: Announcer, anchors: Anchors | None) -> None:
    """Send the newest row of the trail to webhooks that want it, and store it in the bucket, if there is one.

    Where the trail lacks the newest row that the bucket names, an alarm is recorded first. Raises StorageFull,
    StorageUnavailable."""
    if anchors is not None:
        _compare(recorder, anchors.read())
    head = recorder.trail.audit_head()
    announcer.announce_anchored(make_anchor(head.number, head, recorder.key))
    if anchors is not None:
        anchors.keep(lambda there: _next(there, head, recorder.key))


def _next(there: Sequence[AuditAnchor], head: AuditHead, key: bytes) -> AuditAnchor | None:
    newest = next((one for one in there if is_anchor(one, key)), None)
    if newest is not None and (newest.number, newest.hash) == (head.number, head.hash):
        return None
    return make_anchor(1 + max((one.counter for one in there), default=0), head, key)


def _compare(recorder: Recorder, there: Sequence[AuditAnchor]) -> None:
    newest = next((one for one in there if is_anchor(one, recorder.key)), None)
    if newest is None or recorder.has(newest):
        return
    facts = {"had": newest.number, "had_hash": newest.hash.hex()}
    for row in recorder.trail.find_audit(AuditQuery(operation=CUT_BACK), _TOLD):
        told = describe(row)["facts"]
        if all(told.get(name) == value for name, value in facts.items()):
            return
    log.error("the audit trail was cut back or changed: an anchor in the bucket names row %d", newest.number)
    head = recorder.trail.audit_head()
    recorder.record(recorder.entry(CUT_BACK, facts={"number": head.number, "hash": head.hash.hex(), **facts}))
