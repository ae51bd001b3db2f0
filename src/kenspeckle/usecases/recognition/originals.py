"""Photographs of collections, by digest: stored in `Images`, encoded by `Vault`."""

from __future__ import annotations

from dataclasses import dataclass

from kenspeckle.ports import Images, Staged, Vault


@dataclass(frozen=True, slots=True)
class Photographs:
    """Digests are SHA-256 of photographs as received. Raises CollectionNotFound, and StorageUnavailable where the key
    of a collection is not available."""

    images: Images
    vault: Vault

    def name(self, collection_id: str, digest: str) -> str:
        """Its name in the image store."""
        return self.vault.photograph_name(collection_id, digest)

    def stage(self, collection_id: str, digest: str, data: bytes) -> tuple[str, Staged]:
        """As `Images.stage`; and the name, which `Catalog.add_faces` has to agree with."""
        # The name first: if the collection is created again in between, the name is recognized as the old one's.
        name = self.name(collection_id, digest)
        return name, self.images.stage(name, self.vault.seal_photograph(collection_id, digest, data))

    def get(self, collection_id: str, digest: str) -> bytes:
        """The photograph as received. Raises ImageNotFound; StorageUnavailable where its bytes were altered."""
        stored = self.images.get(self.name(collection_id, digest))
        return self.vault.open_photograph(collection_id, digest, stored)
