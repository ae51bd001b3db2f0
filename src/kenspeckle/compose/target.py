"""The target of a command: the local data folder, or a server at --url, behind the same interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Never

from kenspeckle.errors import NotOffered

if TYPE_CHECKING:
    from kenspeckle.domain import Job, Receipt
    from kenspeckle.ports import Engine, Recognizer
    from kenspeckle.settings import Settings

_OVERRIDES = {"host": "127.0.0.1", "log_level": "ERROR"}
"""A command does not listen, so it needs no key; and its messages to people are not log lines."""


@dataclass(frozen=True, slots=True)
class Target:
    """An open recognizer. `collection` is what the user named or the default; empty means the server's default.
    `finish(job_id, tell)` waits for a job, which runs in this process if no server uses the folder; `tell` is called
    with it from time to time. Raises JobNotFound. `completed(receipt_id, seconds)` waits for a receipt, whose erasure
    is completed in this process if no server uses the folder. Raises ReceiptNotFound. `batches` says whether many
    photographs can be indexed by one operation."""

    recognizer: Recognizer
    collection: str
    settings: Settings
    remote: bool
    finish: Callable[[str, Callable[[Job], None]], Job]
    completed: Callable[[str, float], Receipt]
    engine: Callable[[], Engine]
    """Looks at pictures here, whoever names the people in them; loaded when it is asked for. Raises ModelMissing."""
    batches: bool = False
    on_ray: Callable[[str], AbstractContextManager[int]] | None = None
    """Has photographs looked at on the Ray cluster at an address; how many batches keep it busy. None: not offered."""


@contextmanager
def open_target(
    url: str | None,
    api_key: str | None,
    data_dir: Path | None,
    collection: str | None = None,
    *,
    lists: bool = False,
) -> Iterator[Target]:
    """The target of a command, closed at the end. `lists`: of the local data folder it is asked nothing but the
    operations of `usecases.recognition.lists` and jobs, so that no more is loaded than the catalog. Raises what
    `settings.load` and `embedded.build` raise."""
    from kenspeckle import settings as settings_

    settings = settings_.load({"data_dir": data_dir, **_OVERRIDES})
    if url:
        with _server(url, api_key, collection or "", settings) as target:
            yield target
        return
    with _listing(settings) if lists else nullcontext(None) as listing:
        if listing is not None:
            recognizer, default = listing
            named, load = collection or default, _engine_of(settings)
            yield Target(recognizer, named, settings, False, _not_listed, _not_listed, load)
            return
    with _service(collection, settings) as target:
        yield target


@contextmanager
def _server(url: str, api_key: str | None, collection: str, settings: Settings) -> Iterator[Target]:
    from kenspeckle.client.sync import Client
    from kenspeckle.domain.operations import GetReceipt
    from kenspeckle.usecases.jobs.queue import wait

    with Client(url, api_key) as remote:

        def finish(job_id: str, tell: Callable[[Job], None]) -> Job:
            return wait(remote, job_id, tell=tell)

        def get_complete_receipt(receipt_id: str, seconds: float) -> Receipt:
            from kenspeckle.usecases.audit.kept_receipts import wait as wait_for_receipt  # cryptography

            return wait_for_receipt(lambda: remote.handle(GetReceipt(receipt_id=receipt_id)), seconds)

        yield Target(remote, collection, settings, True, finish, get_complete_receipt, _engine_of(settings))


@contextmanager
def _service(collection: str | None, settings: Settings) -> Iterator[Target]:
    """The local data folder, with all that the service has but its edges."""
    from kenspeckle.compose.start import pause_collection

    with pause_collection(keep=False):
        from kenspeckle.compose.embedded import build
        from kenspeckle.compose.ray_cluster import join
        from kenspeckle.compose.service import Service

        service = build(settings, at_once=False)
    with closing(service):
        yield Target(
            service.recognizer,
            collection or service.settings.collection,
            service.settings,
            False,
            service.finish,
            service.get_complete_receipt,
            service.engine if isinstance(service, Service) else _engine_of(settings),
            batches=isinstance(service, Service),
            on_ray=(lambda address: join(service, address)) if isinstance(service, Service) else None,
        )


def _engine_of(settings: Settings) -> Callable[[], Engine]:
    def load() -> Engine:
        from kenspeckle.compose.engines import open_engines  # late: the networks

        return open_engines(settings).default

    return load


def _listing(settings: Settings) -> AbstractContextManager[tuple[Recognizer, str] | None]:
    if settings.recognizer != "local":
        return nullcontext(None)
    from kenspeckle.compose.start import pause_collection

    with pause_collection():
        from kenspeckle.compose import lists

    return lists.open_lists(settings)


def _not_listed(*_: object) -> Never:
    raise NotOffered("This command lists, and waits for nothing.")
