"""Maps operations to requests of the REST API and parses their answers: one row an operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kenspeckle.client.request import Request, erasure, row
from kenspeckle.domain import operations as ops
from kenspeckle.domain.operations import Operation
from kenspeckle.errors import NotOffered
from kenspeckle.shapes import load
from kenspeckle.shapes.load import Json

_COLLECTION = "/v1/collections/{collection}"
_USER = _COLLECTION + "/users/{user_id}"
_PERSON = _COLLECTION + "/people/{person_id}"


def _of_user(op: ops.SearchUsers) -> str:
    if op.user_id is None:
        raise NotOffered("The REST API can't search users by a stored face. Search by a photograph or a user.")
    return _USER + "/search"


def _ignore_answer(_: Json, __: object) -> None:
    """For routes whose answer has no content of interest."""


REQUESTS: Mapping[type[Operation[Any]], Request] = dict(
    [
        row(
            ops.CreateCollection,
            "POST",
            "/v1/collections",
            lambda answer, _: load.collection(answer),
            json=lambda op: {
                "CollectionId": op.collection_id,
                **({"Tags": dict(op.tags)} if op.tags else {}),
                **({"Pack": op.pack} if op.pack is not None else {}),
            },
        ),
        row(
            ops.DescribeCollection,
            "GET",
            "/v1/collections/{collection_id}",
            lambda answer, _: load.collection(answer),
        ),
        row(
            ops.ListCollections,
            "GET",
            "/v1/collections",
            lambda answer, _: load.page(answer, "Collections", load.collection),
            query=("limit", "cursor"),
        ),
        row(ops.DeleteCollection, "DELETE", "/v1/collections/{collection_id}", _ignore_answer),
        row(
            ops.RetainCollection,
            "PUT",
            "/v1/collections/{collection_id}",
            lambda answer, _: load.collection(answer),
            json=lambda op: {"RetentionDays": op.days},
        ),
        row(ops.ListTags, "GET", _COLLECTION, lambda answer, _: answer["Tags"]),
        row(
            ops.ListJobs,
            "GET",
            "/v1/jobs",
            lambda answer, _: load.page(answer, "jobs", load.job),
            query=("state", "limit", "cursor"),
        ),
        row(
            ops.UpgradeCollection,
            "POST",
            "/v1/collections/{collection_id}/upgrade",
            lambda answer, _: load.job(answer),
            json=lambda op: {"pack": op.pack},
        ),
        row(
            ops.SyncCollection,
            "POST",
            "/v1/collections/{collection_id}/sync",
            lambda answer, _: load.job(answer),
            json=lambda op: {"rebuild": op.rebuild},
        ),
        row(
            ops.StartIndexing,
            "POST",
            _COLLECTION + "/index",
            lambda answer, _: load.job(answer),
            query=("max_faces", "quality", "attributes"),
            file=lambda op: op.path,
        ),
        row(
            ops.ListIndexResults,
            "GET",
            "/v1/jobs/{job_id}/results",
            lambda answer, _: load.page(answer, "results", load.line_result),
            query=("limit", "cursor"),
        ),
        row(ops.GetJob, "GET", "/v1/jobs/{job_id}", lambda answer, _: load.job(answer)),
        row(
            ops.StartVideo,
            "POST",
            "/v1/videos",
            lambda answer, _: load.job(answer),
            query=("collection=collection_id", "threshold", "max_faces", "tag"),
            file=lambda op: op.source.path,
        ),
        row(
            ops.GetVideo,
            "GET",
            "/v1/videos/{job_id}",
            lambda answer, _: load.video_page(answer),
            query=("limit", "cursor"),
        ),
        row(
            ops.ListAppearances,
            "GET",
            "/v1/videos/{job_id}/appearances",
            lambda answer, _: load.video_page(answer),
            query=("limit", "cursor"),
        ),
        row(
            ops.SearchAppearance,
            "POST",
            "/v1/appearances",
            lambda answer, op: load.appearance_search(answer, op.collection_id),
            query=(
                *("collection=collection_id", "camera", "first_at", "last_at", "frames", "ended"),
                *("threshold", "max_faces"),
            ),
            photographs=("images",),
        ),
        row(ops.EraseVideo, "DELETE", "/v1/videos/{job_id}", _ignore_answer),
        row(ops.CancelJob, "DELETE", "/v1/jobs/{job_id}", lambda answer, _: load.job(answer)),
        row(
            ops.IndexFaces,
            lambda op: "POST" if op.external_image_id is None else "PUT",
            lambda op: "/v1/index" if op.external_image_id is None else "/v1/index/{external_image_id}",
            lambda answer, op: load.indexed(answer, op.collection_id),
            query=("collection=collection_id", "max_faces", "quality", "attributes", "name=person_name"),
            photograph="image",
            headers=lambda op: {f"x-amz-meta-{name}": value for name, value in op.metadata.items()},
        ),
        row(
            ops.GetFace,
            "GET",
            _COLLECTION + "/faces/{face_id}",
            lambda answer, op: load.face_record(answer, op.collection_id),
        ),
        row(
            ops.ListFaces,
            "GET",
            _COLLECTION + "/faces",
            lambda answer, op: load.page(answer, "Faces", lambda one: load.face(one, op.collection_id)),
            query=("limit", "cursor", "user_id", "external_image_id"),
        ),
        row(
            ops.DeleteFaces,
            "POST",
            _COLLECTION + "/faces/delete",
            lambda answer, _: load.deleted(answer),
            json=lambda op: {"FaceIds": list(op.face_ids)},
        ),
        row(ops.GetThumbnail, "GET", "/v1/faces/{face_id}/thumbnail", query=("collection=collection_id",)),
        row(
            ops.GetThumbnails,
            "POST",
            _COLLECTION + "/thumbnails",
            lambda answer, _: load.thumbnails(answer),
            json=lambda op: {"face_ids": list(op.face_ids)},
        ),
        erasure(ops.EraseImage, "/v1/images/{key}", query=("collection=collection_id",)),
        erasure(ops.EraseIdentity, _COLLECTION + "/faces", query=("external_image_id",)),
        erasure(ops.EraseUser, _USER + "?faces=true"),
        erasure(ops.ErasePerson, _PERSON),
        erasure(ops.EraseCollection, _COLLECTION + "?receipt=true"),
        row(ops.GetReceipt, "GET", "/v1/receipts/{receipt_id}", lambda answer, _: load.receipt(answer)),
        row(
            ops.SearchFaces,
            "POST",
            _COLLECTION + "/faces/{face_id}/search",
            lambda answer, op: load.face_matches(answer["FaceMatches"], op.collection_id),
            query=("threshold", "max_faces"),
        ),
        row(
            ops.SearchImage,
            "POST",
            "/v1/search",
            lambda answer, op: load.image_search(answer, op.collection_id),
            query=("collection=collection_id", "threshold", "max_faces", "quality", "all_faces=every_face"),
            photograph="image",
        ),
        row(
            ops.DetectFaces,
            "POST",
            "/v1/detect",
            lambda answer, _: tuple(load.detail(one) for one in answer["FaceDetails"]),
            query=("attributes",),
            photograph="image",
        ),
        row(
            ops.CompareFaces,
            "POST",
            "/v1/compare",
            lambda answer, _: load.comparison(answer),
            query=("threshold", "quality"),
            photographs=("source", "target"),
        ),
        row(ops.CreateUser, "PUT", _USER, _ignore_answer),
        row(ops.DeleteUser, "DELETE", _USER, _ignore_answer),
        row(ops.GetUser, "GET", _USER, lambda answer, op: load.user(answer, op.collection_id)),
        row(
            ops.ListUsers,
            "GET",
            _COLLECTION + "/users",
            lambda answer, op: load.page(answer, "Users", lambda one: load.user(one, op.collection_id)),
            query=("limit", "cursor"),
        ),
        row(
            ops.AssociateFaces,
            "POST",
            _USER + "/faces",
            lambda answer, _: load.associated(answer),
            json=lambda op: {"FaceIds": list(op.face_ids), "UserMatchThreshold": op.threshold},
        ),
        row(
            ops.DisassociateFaces,
            "POST",
            _USER + "/faces/delete",
            lambda answer, _: load.associated(answer),
            json=lambda op: {"FaceIds": list(op.face_ids)},
        ),
        row(
            ops.SearchUsers,
            "POST",
            _of_user,
            lambda answer, op: load.user_matches(answer["UserMatches"], op.collection_id),
            query=("threshold", "max_users"),
        ),
        row(
            ops.SearchUsersByImage,
            "POST",
            _COLLECTION + "/users/search",
            lambda answer, op: load.user_search(answer, op.collection_id),
            query=("threshold", "max_users", "quality"),
            photograph="image",
        ),
        row(
            ops.ListPeople,
            "GET",
            _COLLECTION + "/people",
            lambda answer, op: load.page(answer, "people", lambda one: load.person(one, op.collection_id)),
            query=("limit", "cursor", "name", "hidden"),
        ),
        row(ops.GetPerson, "GET", _PERSON, lambda answer, op: load.person(answer, op.collection_id)),
        row(
            ops.ListPersonFaces,
            "GET",
            _PERSON + "/faces",
            lambda answer, op: load.page(answer, "Faces", lambda one: load.face(one, op.collection_id)),
            query=("limit", "cursor"),
        ),
        row(
            ops.ChangePerson,
            "PATCH",
            _PERSON,
            lambda answer, op: load.person(answer, op.collection_id),
            json=lambda op: {
                **({} if op.person_name is None else {"name": op.person_name or None}),
                **({} if op.hidden is None else {"hidden": op.hidden}),
            },
        ),
        row(
            ops.MoveFaces,
            "POST",
            _PERSON + "/faces",
            lambda answer, op: load.person(answer, op.collection_id),
            json=lambda op: {"face_ids": list(op.face_ids)},
        ),
        row(
            ops.MergePeople,
            "POST",
            _PERSON + "/merge",
            lambda answer, op: load.person(answer, op.collection_id),
            json=lambda op: {"into": op.into},
        ),
        row(
            ops.SplitPerson,
            "POST",
            _PERSON + "/split",
            lambda answer, op: load.person(answer, op.collection_id),
            json=lambda op: {
                "face_ids": list(op.face_ids),
                **({} if op.person_name is None else {"name": op.person_name}),
            },
        ),
        row(
            ops.UndoPeople,
            "POST",
            _COLLECTION + "/people/undo",
            lambda answer, op: load.undone(answer, op.collection_id),
            json=lambda op: {} if op.undo_id is None else {"undo_id": op.undo_id},
        ),
        row(
            ops.NameFaces,
            "POST",
            _COLLECTION + "/people",
            lambda answer, op: load.named_faces(answer, op.collection_id),
            json=lambda op: {
                "name": op.person_name,
                "face_ids": list(op.face_ids),
                **({} if op.external_image_id is None else {"external_image_id": op.external_image_id}),
            },
        ),
        row(
            ops.KeepApart,
            "POST",
            _PERSON + "/not",
            lambda answer, op: load.person(answer, op.collection_id),
            json=lambda op: {"face_ids": list(op.face_ids)},
        ),
        row(ops.GroupFaces, "POST", _COLLECTION + "/groups", lambda answer, _: load.job(answer)),
        row(
            ops.ListGroups,
            "GET",
            _COLLECTION + "/groups",
            lambda answer, _: load.page(answer, "groups", load.group),
            query=("limit", "cursor"),
        ),
        row(
            ops.NameGroup,
            "POST",
            _COLLECTION + "/groups/{group_id}/name",
            lambda answer, op: load.person(answer, op.collection_id),
            json=lambda op: {"name": op.person_name},
        ),
        row(
            ops.ListDuplicates,
            "GET",
            _COLLECTION + "/duplicates",
            lambda answer, op: load.duplicates(answer, op.collection_id),
            query=("limit", "cursor"),
        ),
        row(
            ops.FindMixedPeople,
            "POST",
            _COLLECTION + "/people/mixed",
            lambda answer, _: tuple(load.mixed(one) for one in answer["people"]),
            json=lambda op: {"external_image_ids": list(op.external_image_ids)},
        ),
        row(ops.DismissDuplicate, "DELETE", _COLLECTION + "/duplicates/{pair_id}", _ignore_answer),
    ]
)

NOT_OFFERED: Mapping[type[Operation[Any]], str] = {
    ops.IndexPhotographs: "The REST API indexes photographs that are sent one by one.",
    ops.StartVideoDetection: "The REST API searches the faces of a video; Amazon's protocol detects them alone.",
    ops.TagCollection: "The REST API sets tags only when a collection is created.",
    ops.UntagCollection: "The REST API sets tags only when a collection is created.",
    ops.GetImage: "The REST API answers a photograph without the row that describes it.",
    ops.GetImageById: "The REST API answers a photograph without the row that describes it.",
    ops.GetFaceImage: "The REST API answers photographs by the name that they were stored under.",
    ops.DescribeFaces: "The REST API gives no templates out; CompreFace's protocol does.",
    ops.SearchTemplates: "The REST API searches with photographs; CompreFace's protocol takes templates.",
    ops.CompareTemplates: "The REST API compares photographs; CompreFace's protocol takes templates.",
    ops.EraseAged: "The service erases faces by age itself; the REST API sets the age.",
}
"""Operations that no route answers in full, each with its error message."""
