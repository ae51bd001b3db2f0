"""Which pack a data folder goes on with: the one that it has, where PACK says nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from kenspeckle.errors import CollectionNotFound
from kenspeckle.models import registry
from kenspeckle.settings import Settings


class Bound(Protocol):
    """A collection, as far as it says which pack made its templates."""

    @property
    def contract(self) -> str: ...


class Collections(Protocol):
    def collection(self, collection_id: str) -> Bound | None: ...


def keep_pack(settings: Settings, catalog: Collections, tell: Callable[[str], object] = lambda _: None) -> Settings:
    """The settings, with the pack of the default collection where nobody has set PACK and that collection was
    made with another pack that is known: so that a new version of the program still finds its faces. `tell` is then
    given the sentence that says what is new and what to do."""
    if settings.pack != registry.DEFAULT or "pack" in settings.given:
        return settings
    try:
        own = catalog.collection(settings.collection)
    except CollectionNotFound:
        return settings
    pack = registry.of_contract(settings.models_dir, own.contract) if own is not None else None
    if pack is None or pack.name == settings.pack:
        return settings
    tell(
        f"New data folders take the model pack '{registry.DEFAULT}', which recognizes better. This one goes on with "
        f"'{pack.name}', of which its collection '{settings.collection}' is: set PACK={pack.name} to keep it so "
        f"without this line, PACK={registry.DEFAULT} for new collections of the new one. "
        f"`kenspeckle collections create ID --pack {registry.DEFAULT}` makes one such collection, docs/models.md says "
        "more."
    )
    return replace(settings, pack=pack.name)
