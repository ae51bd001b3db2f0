"""The seams of the service: what the core asks of engine, catalog, index and images, and what edges ask of it.

Each port is small and has a fake in `tests/fakes`; one contract suite runs over the fake and the real thing.
Everything is synchronous and may be called from many threads at once.
"""

from __future__ import annotations

from kenspeckle.ports.catalog import Answered, Catalog, Change, Gone, NewFace, Stored
from kenspeckle.ports.engine import Engine, Photo
from kenspeckle.ports.images import Images, Lock, Staged, unlocked
from kenspeckle.ports.index import Index
from kenspeckle.ports.jobs import Jobs
from kenspeckle.ports.keys import Deriver, Keys, Sealer, Usage, Used
from kenspeckle.ports.moving import Copies, CopyFacts, Dump, DumpedFace, Dumps, Keyring, Seat, Seats
from kenspeckle.ports.recognizer import Recognizer
from kenspeckle.ports.trail import AuditQuery, Trail
from kenspeckle.ports.vault import Converting, Encryption, Pending, StoredImage, Vault
from kenspeckle.ports.webhooks import Carrier, Tell, Webhooks

__all__ = [
    "Answered",
    "AuditQuery",
    "Carrier",
    "Catalog",
    "Change",
    "Converting",
    "Copies",
    "CopyFacts",
    "Deriver",
    "Dump",
    "DumpedFace",
    "Dumps",
    "Encryption",
    "Engine",
    "Gone",
    "Images",
    "Index",
    "Jobs",
    "Keyring",
    "Keys",
    "Lock",
    "NewFace",
    "Pending",
    "Photo",
    "Recognizer",
    "Sealer",
    "Seat",
    "Seats",
    "Staged",
    "Stored",
    "StoredImage",
    "Tell",
    "Trail",
    "Usage",
    "Used",
    "Vault",
    "Webhooks",
    "unlocked",
]
