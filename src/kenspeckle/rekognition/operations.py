"""The operations that are offered: what each needs a right for, and how it asks the core.

A request arrives here validated against the service model; an answer leaves as the model's response shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from kenspeckle.domain import Collection, Of, Principal, QualityFilter, Reason, Right, Scope, UnindexedFace
from kenspeckle.errors import NotFound
from kenspeckle.ports import Recognizer
from kenspeckle.rekognition import images as images_
from kenspeckle.rekognition.images import Places
from kenspeckle.shapes import dump

Json: TypeAlias = dict[str, Any]
Request: TypeAlias = Mapping[str, Any]

MOST_FACES_INDEXED = 100
"""Amazon's bound of faces of one photograph, also what it takes where a request says nothing."""

PAGE = 1000
"""Items of a page of collections or faces where a request says nothing."""

USER_PAGE = 500


@dataclass(frozen=True, slots=True)
class Service:
    """What operations need: the core, buckets, and the names that AWS would have given."""

    recognizer: Recognizer
    places: Places
    region: str
    account: str
    pack: str
    face_model: str
    """Name of the pack in use, and the version that answers call it by."""
    principal: Principal = Principal()

    def arn(self, collection_id: str) -> str:
        return f"arn:aws:rekognition:{self.region}:{self.account}:collection/{collection_id}"

    def face_model_of(self, collection: Collection) -> str:
        """Version of the model that the collection is bound to; of another pack only the name is known."""
        return self.face_model if collection.pack == self.pack else collection.pack

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


# -- collections -------------------------------------------------------------------------------------------------------


def create_collection(service: Service, request: Request) -> Json:
    made = service.recognizer.create_collection(request["CollectionId"], request.get("Tags"))
    return {
        "StatusCode": 200,
        "CollectionArn": service.arn(made.collection_id),
        "FaceModelVersion": service.face_model_of(made),
    }


def describe_collection(service: Service, request: Request) -> Json:
    found = service.recognizer.describe_collection(request["CollectionId"])
    return {
        "FaceCount": found.face_count,
        "UserCount": found.user_count,
        "FaceModelVersion": service.face_model_of(found),
        "CollectionARN": service.arn(found.collection_id),
        "CreationTimestamp": found.created_at,
    }


def list_collections(service: Service, request: Request) -> Json:
    page = service.recognizer.list_collections(request.get("MaxResults") or PAGE, request.get("NextToken"))
    shown = [one for one in page.items if service.principal.may(Scope.READ, one.collection_id)]
    answer: Json = {
        "CollectionIds": [one.collection_id for one in shown],
        "FaceModelVersions": [service.face_model_of(one) for one in shown],
    }
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def delete_collection(service: Service, request: Request) -> Json:
    service.recognizer.delete_collection(request["CollectionId"])
    return {"StatusCode": 200}


def tag_resource(service: Service, request: Request) -> Json:
    service.recognizer.tag(service.collection_of(request) or "", request["Tags"])
    return {}


def untag_resource(service: Service, request: Request) -> Json:
    service.recognizer.untag(service.collection_of(request) or "", request["TagKeys"])
    return {}


def list_tags_for_resource(service: Service, request: Request) -> Json:
    return {"Tags": dict(service.recognizer.tags(service.collection_of(request) or ""))}


# -- faces -------------------------------------------------------------------------------------------------------------


def index_faces(service: Service, request: Request) -> Json:
    most = min(request.get("MaxFaces", MOST_FACES_INDEXED), MOST_FACES_INDEXED)
    answer = service.recognizer.index_faces(
        request["CollectionId"],
        _photograph(service, request, "Image"),
        request.get("ExternalImageId"),
        max_faces=most,
        quality=_quality(request, QualityFilter.AUTO),
    )
    # A photograph that was indexed before has the faces of then, which may be more.
    beyond = tuple(UnindexedFace(one.detail, (Reason.EXCEEDS_MAX_FACES,)) for one in answer.records[most:])
    return dump.index_faces(replace(answer, records=answer.records[:most], unindexed=(*answer.unindexed, *beyond)))


def list_faces(service: Service, request: Request) -> Json:
    name, user_id, face_ids = request["CollectionId"], request.get("UserId"), request.get("FaceIds")
    page = service.recognizer.list_faces(
        name, request.get("MaxResults") or PAGE, request.get("NextToken"), user_id=user_id, face_ids=face_ids
    )
    model = page.items[0].index_model if page.items else service.face_model
    return dump.list_faces(page.items, page.cursor, model)


def delete_faces(service: Service, request: Request) -> Json:
    return dump.delete_faces(service.recognizer.delete_faces(request["CollectionId"], request["FaceIds"]))


def search_faces(service: Service, request: Request) -> Json:
    name, face_id = request["CollectionId"], request["FaceId"]
    matches = service.recognizer.search_faces(
        name, face_id, threshold=request.get("FaceMatchThreshold"), max_faces=request.get("MaxFaces")
    )
    return dump.search_faces(face_id, matches, service.face_model)


def search_faces_by_image(service: Service, request: Request) -> Json:
    answer = service.recognizer.search_image(
        request["CollectionId"],
        _photograph(service, request, "Image"),
        threshold=request.get("FaceMatchThreshold"),
        max_faces=request.get("MaxFaces"),
        quality=_quality(request, QualityFilter.NONE),
    )
    return dump.largest_search(answer)


def detect_faces(service: Service, request: Request) -> Json:
    return dump.detect_faces(service.recognizer.detect_faces(_photograph(service, request, "Image")))


def compare_faces(service: Service, request: Request) -> Json:
    answer = service.recognizer.compare_faces(
        _photograph(service, request, "SourceImage"),
        _photograph(service, request, "TargetImage"),
        threshold=request.get("SimilarityThreshold"),
        quality=_quality(request, QualityFilter.NONE),
    )
    return dump.compare_faces(answer)


# -- users -------------------------------------------------------------------------------------------------------------


def create_user(service: Service, request: Request) -> Json:
    service.recognizer.create_user(request["CollectionId"], request["UserId"], request.get("ClientRequestToken"))
    return {}


def delete_user(service: Service, request: Request) -> Json:
    service.recognizer.delete_user(request["CollectionId"], request["UserId"], request.get("ClientRequestToken"))
    return {}


def list_users(service: Service, request: Request) -> Json:
    page = service.recognizer.list_users(
        request["CollectionId"], request.get("MaxResults", USER_PAGE), request.get("NextToken")
    )
    return dump.list_users(page.items, page.cursor)


def associate_faces(service: Service, request: Request) -> Json:
    answer = service.recognizer.associate_faces(
        request["CollectionId"],
        request["UserId"],
        request["FaceIds"],
        threshold=request.get("UserMatchThreshold", 75.0),
        token=request.get("ClientRequestToken"),
    )
    return dump.associate_faces(answer)


def disassociate_faces(service: Service, request: Request) -> Json:
    answer = service.recognizer.disassociate_faces(
        request["CollectionId"], request["UserId"], request["FaceIds"], token=request.get("ClientRequestToken")
    )
    return dump.disassociate_faces(answer)


def search_users(service: Service, request: Request) -> Json:
    name, user_id, face_id = request["CollectionId"], request.get("UserId"), request.get("FaceId")
    matches = service.recognizer.search_users(
        name,
        user_id=user_id,
        face_id=face_id,
        threshold=request.get("UserMatchThreshold"),
        max_users=request.get("MaxUsers"),
    )
    return dump.search_users(matches, service.face_model, face_id=face_id, user_id=user_id)


def search_users_by_image(service: Service, request: Request) -> Json:
    answer = service.recognizer.search_users_by_image(
        request["CollectionId"],
        _photograph(service, request, "Image"),
        threshold=request.get("UserMatchThreshold"),
        max_users=request.get("MaxUsers"),
        quality=_quality(request, QualityFilter.NONE),
    )
    return dump.search_users_by_image(answer)


def _photograph(service: Service, request: Request, member: str) -> bytes:
    return images_.read(request[member], service.places, member)


def _quality(request: Request, default: QualityFilter) -> QualityFilter:
    return QualityFilter(request.get("QualityFilter", default))


# -- the table ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the model that is offered, with the right that it needs. `images` says that it takes any."""

    right: Right
    run: Callable[[Service, Request], Json]
    images: bool = False


OPERATIONS: Mapping[str, Operation] = {
    "CreateCollection": Operation(Right(Scope.ADMIN), create_collection),
    "DescribeCollection": Operation(Right(Scope.READ), describe_collection),
    "ListCollections": Operation(Right(Scope.READ, Of.ANYTHING), list_collections),
    "DeleteCollection": Operation(Right(Scope.ADMIN), delete_collection),
    "TagResource": Operation(Right(Scope.ADMIN), tag_resource),
    "UntagResource": Operation(Right(Scope.ADMIN), untag_resource),
    "ListTagsForResource": Operation(Right(Scope.READ), list_tags_for_resource),
    "IndexFaces": Operation(Right(Scope.INDEX), index_faces, images=True),
    "ListFaces": Operation(Right(Scope.READ), list_faces),
    "DeleteFaces": Operation(Right(Scope.DELETE), delete_faces),
    "SearchFaces": Operation(Right(Scope.SEARCH), search_faces),
    "SearchFacesByImage": Operation(Right(Scope.SEARCH), search_faces_by_image, images=True),
    "DetectFaces": Operation(Right(Scope.SEARCH, Of.ANYTHING), detect_faces, images=True),
    "CompareFaces": Operation(Right(Scope.SEARCH, Of.ANYTHING), compare_faces, images=True),
    "CreateUser": Operation(Right(Scope.INDEX), create_user),
    "DeleteUser": Operation(Right(Scope.DELETE), delete_user),
    "ListUsers": Operation(Right(Scope.READ), list_users),
    "AssociateFaces": Operation(Right(Scope.INDEX), associate_faces),
    "DisassociateFaces": Operation(Right(Scope.INDEX), disassociate_faces),
    "SearchUsers": Operation(Right(Scope.SEARCH), search_users),
    "SearchUsersByImage": Operation(Right(Scope.SEARCH), search_users_by_image, images=True),
}
