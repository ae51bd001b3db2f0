"""Photographs of collections, by the digest of what came: what `Images` holds, in the form that `Vault` gives it."""

from __future__ import annotations

from dataclasses import dataclass

from kenspeckle.ports import Images, Staged, Vault


@dataclass(frozen=True, slots=True)
class Photographs:
    """Digests are SHA-256 of photographs as they came. Raises CollectionNotFound, and StorageUnavailable where the key
    of a collection is not available."""

    images: Images
    vault: Vault

    def name(self, collection_id: str, digest: str) -> str:
        """What the image store calls it."""
        return self.vault.photograph_name(collection_id, digest)

    def stage(self, collection_id: str, digest: str, data: bytes) -> tuple[str, Staged]:
        """As `Images.stage`; and the name, which `Catalog.add_faces` has to agree with."""
        # The name first: should the collection be made anew in between, that one is found to be of the old one.
        name = self.name(collection_id, digest)
        return name, self.images.stage(name, self.vault.seal_photograph(collection_id, digest, data))

    def get(self, collection_id: str, digest: str) -> bytes:
        """The photograph as it came. Raises ImageNotFound; StorageUnavailable where its bytes are not those stored."""
        stored = self.images.get(self.name(collection_id, digest))
        return self.vault.open_photograph(collection_id, digest, stored)
