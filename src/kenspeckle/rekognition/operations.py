"""The operations that are offered: the right of each, and its call of the core.

A request arrives here validated against the service model; an answer leaves as the model's response shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from kenspeckle.domain import QualityFilter, Reason, Right, UnindexedFace
from kenspeckle.domain import operations as ops
from kenspeckle.domain.attributes import parse_names
from kenspeckle.rekognition import images as images_
from kenspeckle.rekognition import videos
from kenspeckle.rekognition.service import Service
from kenspeckle.shapes import dump

Json: TypeAlias = dict[str, Any]
Request: TypeAlias = Mapping[str, Any]

MOST_FACES_INDEXED = 100
"""Amazon's limit of faces of one photograph, and its default."""

PAGE = 1000
"""Default page size of lists of collections and faces."""

USER_PAGE = 500


# -- collections -------------------------------------------------------------------------------------------------------


def create_collection(service: Service, request: Request) -> Json:
    made = service.recognizer.handle(
        ops.CreateCollection(collection_id=request["CollectionId"], tags=request.get("Tags") or {})
    )
    return {
        "StatusCode": 200,
        "CollectionArn": service.arn(made.collection_id),
        "FaceModelVersion": service.face_model_of(made),
    }


def describe_collection(service: Service, request: Request) -> Json:
    found = service.recognizer.handle(ops.DescribeCollection(collection_id=request["CollectionId"]))
    return {
        "FaceCount": found.face_count,
        "UserCount": found.user_count,
        "FaceModelVersion": service.face_model_of(found),
        "CollectionARN": service.arn(found.collection_id),
        "CreationTimestamp": found.created_at,
    }


def list_collections(service: Service, request: Request) -> Json:
    page = service.recognizer.handle(
        ops.ListCollections(
            limit=request.get("MaxResults") or PAGE, cursor=request.get("NextToken"), only=service.principal.only
        )
    )
    shown = page.items
    answer: Json = {
        "CollectionIds": [one.collection_id for one in shown],
        "FaceModelVersions": [service.face_model_of(one) for one in shown],
    }
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def delete_collection(service: Service, request: Request) -> Json:
    service.recognizer.handle(ops.DeleteCollection(collection_id=request["CollectionId"]))
    return {"StatusCode": 200}


def tag_resource(service: Service, request: Request) -> Json:
    service.recognizer.handle(
        ops.TagCollection(collection_id=service.collection_of(request) or "", tags=request["Tags"])
    )
    return {}


def untag_resource(service: Service, request: Request) -> Json:
    service.recognizer.handle(
        ops.UntagCollection(collection_id=service.collection_of(request) or "", keys=request["TagKeys"])
    )
    return {}


def list_tags_for_resource(service: Service, request: Request) -> Json:
    return {"Tags": dict(service.recognizer.handle(ops.ListTags(collection_id=service.collection_of(request) or "")))}


# -- faces -------------------------------------------------------------------------------------------------------------


def index_faces(service: Service, request: Request) -> Json:
    most = min(request.get("MaxFaces", MOST_FACES_INDEXED), MOST_FACES_INDEXED)
    answer = service.recognizer.handle(
        ops.IndexFaces(
            collection_id=request["CollectionId"],
            image=_photograph(service, request, "Image"),
            external_image_id=request.get("ExternalImageId"),
            max_faces=most,
            quality=_quality(request, QualityFilter.AUTO),
            attributes=parse_names(request["DetectionAttributes"]) if request.get("DetectionAttributes") else None,
        )
    )
    # A photograph that was indexed before has its earlier faces, which may be more.
    beyond = tuple(UnindexedFace(one.detail, (Reason.EXCEEDS_MAX_FACES,)) for one in answer.records[most:])
    return dump.index_faces(replace(answer, records=answer.records[:most], unindexed=(*answer.unindexed, *beyond)))


def list_faces(service: Service, request: Request) -> Json:
    name, user_id, face_ids = request["CollectionId"], request.get("UserId"), request.get("FaceIds") or ()
    page = service.recognizer.handle(
        ops.ListFaces(
            collection_id=name,
            limit=request.get("MaxResults") or PAGE,
            cursor=request.get("NextToken"),
            user_id=user_id,
            face_ids=face_ids,
        )
    )
    model = page.items[0].index_model if page.items else service.face_model_in(name)
    return dump.list_faces(page.items, page.cursor, model)


def delete_faces(service: Service, request: Request) -> Json:
    return dump.delete_faces(
        service.recognizer.handle(ops.DeleteFaces(collection_id=request["CollectionId"], face_ids=request["FaceIds"]))
    )


def search_faces(service: Service, request: Request) -> Json:
    name, face_id = request["CollectionId"], request["FaceId"]
    matches = service.recognizer.handle(
        ops.SearchFaces(
            collection_id=name,
            face_id=face_id,
            threshold=request.get("FaceMatchThreshold"),
            max_faces=request.get("MaxFaces"),
        )
    )
    return dump.search_faces(face_id, matches, service.face_model_in(name))


def search_faces_by_image(service: Service, request: Request) -> Json:
    answer = service.recognizer.handle(
        ops.SearchImage(
            collection_id=request["CollectionId"],
            image=_photograph(service, request, "Image"),
            threshold=request.get("FaceMatchThreshold"),
            max_faces=request.get("MaxFaces"),
            quality=_quality(request, QualityFilter.NONE),
        )
    )
    return dump.largest_search(answer)


def detect_faces(service: Service, request: Request) -> Json:
    return dump.detect_faces(
        service.recognizer.handle(
            ops.DetectFaces(
                image=_photograph(service, request, "Image"), attributes=parse_names(request.get("Attributes") or ())
            )
        )
    )


def compare_faces(service: Service, request: Request) -> Json:
    answer = service.recognizer.handle(
        ops.CompareFaces(
            source=_photograph(service, request, "SourceImage"),
            target=_photograph(service, request, "TargetImage"),
            threshold=request.get("SimilarityThreshold"),
            quality=_quality(request, QualityFilter.NONE),
        )
    )
    return dump.compare_faces(answer)


# -- users -------------------------------------------------------------------------------------------------------------


def create_user(service: Service, request: Request) -> Json:
    service.recognizer.handle(
        ops.CreateUser(
            collection_id=request["CollectionId"], user_id=request["UserId"], token=request.get("ClientRequestToken")
        )
    )
    return {}


def delete_user(service: Service, request: Request) -> Json:
    service.recognizer.handle(
        ops.DeleteUser(
            collection_id=request["CollectionId"], user_id=request["UserId"], token=request.get("ClientRequestToken")
        )
    )
    return {}


def list_users(service: Service, request: Request) -> Json:
    page = service.recognizer.handle(
        ops.ListUsers(
            collection_id=request["CollectionId"],
            limit=request.get("MaxResults", USER_PAGE),
            cursor=request.get("NextToken"),
        )
    )
    return dump.list_users(page.items, page.cursor)


def associate_faces(service: Service, request: Request) -> Json:
    answer = service.recognizer.handle(
        ops.AssociateFaces(
            collection_id=request["CollectionId"],
            user_id=request["UserId"],
            face_ids=request["FaceIds"],
            threshold=request.get("UserMatchThreshold", 75.0),
            token=request.get("ClientRequestToken"),
        )
    )
    return dump.associate_faces(answer)


def disassociate_faces(service: Service, request: Request) -> Json:
    answer = service.recognizer.handle(
        ops.DisassociateFaces(
            collection_id=request["CollectionId"],
            user_id=request["UserId"],
            face_ids=request["FaceIds"],
            token=request.get("ClientRequestToken"),
        )
    )
    return dump.disassociate_faces(answer)


def search_users(service: Service, request: Request) -> Json:
    name, user_id, face_id = request["CollectionId"], request.get("UserId"), request.get("FaceId")
    matches = service.recognizer.handle(
        ops.SearchUsers(
            collection_id=name,
            user_id=user_id,
            face_id=face_id,
            threshold=request.get("UserMatchThreshold"),
            max_users=request.get("MaxUsers"),
        )
    )
    return dump.search_users(matches, service.face_model_in(name), face_id=face_id, user_id=user_id)


def search_users_by_image(service: Service, request: Request) -> Json:
    answer = service.recognizer.handle(
        ops.SearchUsersByImage(
            collection_id=request["CollectionId"],
            image=_photograph(service, request, "Image"),
            threshold=request.get("UserMatchThreshold"),
            max_users=request.get("MaxUsers"),
            quality=_quality(request, QualityFilter.NONE),
        )
    )
    return dump.search_users_by_image(answer)


def _photograph(service: Service, request: Request, member: str) -> bytes:
    return images_.read(request[member], service.buckets, member, service.principal.only)


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
    "CreateCollection": Operation(ops.CreateCollection.right, create_collection),
    "DescribeCollection": Operation(ops.DescribeCollection.right, describe_collection),
    "ListCollections": Operation(ops.ListCollections.right, list_collections),
    "DeleteCollection": Operation(ops.DeleteCollection.right, delete_collection),
    "TagResource": Operation(ops.TagCollection.right, tag_resource),
    "UntagResource": Operation(ops.UntagCollection.right, untag_resource),
    "ListTagsForResource": Operation(ops.ListTags.right, list_tags_for_resource),
    "IndexFaces": Operation(ops.IndexFaces.right, index_faces, images=True),
    "ListFaces": Operation(ops.ListFaces.right, list_faces),
    "DeleteFaces": Operation(ops.DeleteFaces.right, delete_faces),
    "SearchFaces": Operation(ops.SearchFaces.right, search_faces),
    "SearchFacesByImage": Operation(ops.SearchImage.right, search_faces_by_image, images=True),
    "DetectFaces": Operation(ops.DetectFaces.right, detect_faces, images=True),
    "CompareFaces": Operation(ops.CompareFaces.right, compare_faces, images=True),
    "StartFaceSearch": Operation(ops.StartVideo.right, videos.start_face_search),
    "GetFaceSearch": Operation(ops.GetVideo.right, videos.get_face_search),
    "StartFaceDetection": Operation(ops.StartVideoDetection.right, videos.start_face_detection),
    "GetFaceDetection": Operation(ops.GetVideo.right, videos.get_face_detection),
    "CreateUser": Operation(ops.CreateUser.right, create_user),
    "DeleteUser": Operation(ops.DeleteUser.right, delete_user),
    "ListUsers": Operation(ops.ListUsers.right, list_users),
    "AssociateFaces": Operation(ops.AssociateFaces.right, associate_faces),
    "DisassociateFaces": Operation(ops.DisassociateFaces.right, disassociate_faces),
    "SearchUsers": Operation(ops.SearchUsers.right, search_users),
    "SearchUsersByImage": Operation(ops.SearchUsersByImage.right, search_users_by_image, images=True),
}
