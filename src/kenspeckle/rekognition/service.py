"""The service as operations of Amazon's protocol see it: recognizer, buckets, region, account, model versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kenspeckle.domain import Collection, Principal
from kenspeckle.domain import operations as ops
from kenspeckle.errors import NotFound
from kenspeckle.ports import Recognizer
from kenspeckle.rekognition.images import Buckets

Request: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """What operations need: the recognizer, buckets, region and account for ARNs."""

    recognizer: Recognizer
    buckets: Buckets
    region: str
    account: str
    face_models: Mapping[str, str]
    """Model versions in answers, by name of the pack; that of the default pack comes first."""
    principal: Principal = Principal()

    def arn(self, collection_id: str) -> str:
        return f"arn:aws:rekognition:{self.region}:{self.account}:collection/{collection_id}"

    def face_model_of(self, collection: Collection) -> str:
        """Version of the model that the collection is bound to; of a pack that is not known here, its name."""
        return self.face_models.get(collection.pack, collection.pack)

    def face_model_in(self, collection_id: str) -> str:
        """As `face_model_of`, by name; the catalog is not read where there is only one model."""
        if len(self.face_models) == 1:
            return next(iter(self.face_models.values()))
        return self.face_model_of(self.recognizer.handle(ops.DescribeCollection(collection_id=collection_id)))

    def collection_of(self, request: Request) -> str | None:
        """The collection that a request is about; None where it is about none. Raises NotFound for a foreign ARN."""
        if "CollectionId" in request:
            return str(request["CollectionId"])
        if "ResourceArn" not in request:
            return None
        prefix = self.arn("")
        name = str(request["ResourceArn"])
        if not name.startswith(prefix) or len(name) == len(prefix):
            raise NotFound(f"The resource {name[:255]} does not exist. ARNs of this service begin with {prefix}")
        return name.removeprefix(prefix)
