"""The service's data: faces, photographs, matches, collections, users. Plain data, no I/O.

Geometry is in ratios of the photograph's width and height as a viewer sees it (EXIF orientation applied), so a
box may lie partly outside 0..1. Confidence, quality and similarity are percentages, 0..100. Angles are degrees.
Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from kenspeckle.domain.access import Key, Of, Period, Plan, Principal, Right, Scope
from kenspeckle.domain.answers import (
    Associated,
    Comparison,
    Deleted,
    Described,
    FaceMatch,
    FaceSearch,
    ImageSearch,
    Indexed,
    UnsuccessfulFace,
    UserMatch,
    UserSearch,
)
from kenspeckle.domain.attributes import AgeRange, Attribute, Attributes, EyeDirection, Flag, Gender
from kenspeckle.domain.collections import Collection, Face, FaceRecord, Image, Page, T, User, display_name
from kenspeckle.domain.detection import (
    Box,
    FaceDetail,
    Landmark,
    Pose,
    Quality,
    QualityFilter,
    Reason,
    UnindexedFace,
    Vector,
    largest,
)
from kenspeckle.domain.erasure import Erased, Erasure, KeptReceipt, Receipt, ReceiptState, Rewritten
from kenspeckle.domain.jobs import UNFINISHED, WITHIN, Claim, Job, JobKind, JobLost, JobState
from kenspeckle.domain.pack import Calibration, PackInfo
from kenspeckle.domain.people import Duplicates, Group, Misplaced, Pair, Person, PersonRef, Undone
from kenspeckle.domain.webhooks import EVENTS, Claimed, Delivery, DeliveryState, Event, Letter, Secrets, Sent, Webhook

__all__ = [
    "EVENTS",
    "UNFINISHED",
    "WITHIN",
    "AgeRange",
    "Associated",
    "Attribute",
    "Attributes",
    "Box",
    "Calibration",
    "Claim",
    "Claimed",
    "Collection",
    "Comparison",
    "Deleted",
    "Delivery",
    "DeliveryState",
    "Described",
    "Duplicates",
    "Erased",
    "Erasure",
    "Event",
    "EyeDirection",
    "Face",
    "FaceDetail",
    "FaceMatch",
    "FaceRecord",
    "FaceSearch",
    "Flag",
    "Gender",
    "Group",
    "Image",
    "ImageSearch",
    "Indexed",
    "Job",
    "JobKind",
    "JobLost",
    "JobState",
    "KeptReceipt",
    "Key",
    "Landmark",
    "Letter",
    "Misplaced",
    "Of",
    "PackInfo",
    "Page",
    "Pair",
    "Period",
    "Person",
    "PersonRef",
    "Plan",
    "Pose",
    "Principal",
    "Quality",
    "QualityFilter",
    "Reason",
    "Receipt",
    "ReceiptState",
    "Rewritten",
    "Right",
    "Scope",
    "Secrets",
    "Sent",
    "T",
    "Undone",
    "UnindexedFace",
    "UnsuccessfulFace",
    "User",
    "UserMatch",
    "UserSearch",
    "Vector",
    "Webhook",
    "display_name",
    "largest",
]
