"""The interfaces of the service: what the core needs of engine, catalog, index and image store, and what edges need of
the core.

What the core is tested on has a fake in `tests/fakes`: Engine, Catalog (with Vault), Keys, SharedSettings, Images,
Index and Jobs. A suite in `tests/contract` runs over each fake and the real thing alike; `test_ports.py` there names
the other ports.
Everything is synchronous and may be called from many threads at once.
"""

from __future__ import annotations

from kenspeckle.ports.catalog import Answered, Catalog, Change, ErasedFaces, NewFace, NewPhotograph, Stored
from kenspeckle.ports.engine import Engine, Engines, Photo
from kenspeckle.ports.examiner import Asked, Examined, Examiner
from kenspeckle.ports.images import Images, Lock, Staged, no_lock
from kenspeckle.ports.index import Index, Successor
from kenspeckle.ports.indexing import Buckets, Manifests, Slice
from kenspeckle.ports.jobs import Jobs
from kenspeckle.ports.keys import Deriver, Keys, Sealer, Usage, Used
from kenspeckle.ports.mirrors import (
    IN_FILE,
    Mirror,
    MirrorBounds,
    Mirrored,
    MirrorLost,
    Mirrors,
    MirrorState,
    VectorStore,
)
from kenspeckle.ports.moving import CatalogReplacer, Copies, CopyFacts, Dump, DumpedFace, Dumps, Keyring, ReservedPlace
from kenspeckle.ports.people import Owner, People, Sample, Unnamed
from kenspeckle.ports.receipts import ReceiptStore
from kenspeckle.ports.recognizer import Recognizer
from kenspeckle.ports.shared import SharedKind, SharedSettings
from kenspeckle.ports.stages import Stages
from kenspeckle.ports.staging import Counts, Source, StagedTemplate, Staging, Switched, Undescribed
from kenspeckle.ports.storage import CollectionFacts, Inspection, KeptPhotograph, Storage
from kenspeckle.ports.trail import Anchors, AuditQuery, Trail
from kenspeckle.ports.vault import Converting, Encryption, Pending, StoredImage, Vault
from kenspeckle.ports.videos import (
    CameraAway,
    CameraDecoder,
    CameraRefused,
    FoundPerson,
    Incoming,
    NewVideo,
    NotPublished,
    SeenFace,
    StagedVideos,
    StoredVideo,
    Topics,
    Track,
    VideoBuckets,
    VideoDecoder,
    VideoReader,
    Videos,
)
from kenspeckle.ports.webhooks import Tell, Transport, Webhooks

__all__ = [
    "IN_FILE",
    "Anchors",
    "Answered",
    "Asked",
    "AuditQuery",
    "Buckets",
    "CameraAway",
    "CameraDecoder",
    "CameraRefused",
    "Catalog",
    "CatalogReplacer",
    "Change",
    "CollectionFacts",
    "Converting",
    "Copies",
    "CopyFacts",
    "Counts",
    "Deriver",
    "Dump",
    "DumpedFace",
    "Dumps",
    "Encryption",
    "Engine",
    "Engines",
    "ErasedFaces",
    "Examined",
    "Examiner",
    "FoundPerson",
    "Images",
    "Incoming",
    "Index",
    "Inspection",
    "Jobs",
    "KeptPhotograph",
    "Keyring",
    "Keys",
    "Lock",
    "Manifests",
    "Mirror",
    "MirrorBounds",
    "MirrorLost",
    "MirrorState",
    "Mirrored",
    "Mirrors",
    "NewFace",
    "NewPhotograph",
    "NewVideo",
    "NotPublished",
    "Owner",
    "Pending",
    "People",
    "Photo",
    "ReceiptStore",
    "Recognizer",
    "ReservedPlace",
    "Sample",
    "Sealer",
    "SeenFace",
    "SharedKind",
    "SharedSettings",
    "Slice",
    "Source",
    "Staged",
    "StagedTemplate",
    "StagedVideos",
    "Stages",
    "Staging",
    "Storage",
    "Stored",
    "StoredImage",
    "StoredVideo",
    "Successor",
    "Switched",
    "Tell",
    "Topics",
    "Track",
    "Trail",
    "Transport",
    "Undescribed",
    "Unnamed",
    "Usage",
    "Used",
    "Vault",
    "VectorStore",
    "VideoBuckets",
    "VideoDecoder",
    "VideoReader",
    "Videos",
    "Webhooks",
    "no_lock",
]
