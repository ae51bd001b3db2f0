"""What the audit trail records of each operation: one row an operation, or the reason why it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kenspeckle.domain import (
    Appearance,
    Deleted,
    Erased,
    Erasure,
    Faceless,
    FaceMatch,
    Indexed,
    Job,
    VideoFace,
    VideoSource,
)
from kenspeckle.domain import operations as ops
from kenspeckle.domain.operations import Operation
from kenspeckle.usecases.audit.access import MOST_DELETED, MOST_NAMED, Access, Erasing, Facts, erasure_row, row


def _deletion(_: ops.DeleteFaces, done: Deleted) -> Erasing | None:
    if not done.deleted:
        return None
    faces, images = len(done.deleted), len(done.images)
    erased = Erased(done.deleted, done.images, complete=done.complete, face_count=faces, image_count=images)
    return Erasure.FACES, "", erased


def _ids_of_matches(matches: Sequence[FaceMatch]) -> list[str]:
    return [one.face.face_id for one in matches]


def _users(ids: Sequence[str]) -> Facts:
    return {"users": list(ids[:MOST_NAMED]), "user_count": len(ids)}


def _people(ids: Sequence[str]) -> Facts:
    return {"people": list(ids[:MOST_NAMED]), "people_count": len(ids)}


def _of_job(job: Job) -> Facts:
    return {"job": job.job_id, "kind": job.kind.value, "state": job.state.value, "collection": job.collection_id}


def _ids_of_indexed(done: Indexed | Faceless) -> list[str]:
    return [] if isinstance(done, Faceless) else [one.face.face_id for one in done.records]


def _of_indexed(done: Indexed | Faceless) -> Facts:
    if isinstance(done, Faceless):
        return {"remembered": True, "created": False}
    return {"image": done.image_id, "created": done.created, "unindexed": len(done.unindexed)}


def _of_source(source: VideoSource) -> Facts:
    return _drop_none(bucket=source.bucket or None, name=source.name or None, upload=source.upload or None)


def _ids_once(found: Sequence[VideoFace] | Sequence[Appearance]) -> list[str]:
    """Each face once: a person is seen in many frames."""
    return list(dict.fromkeys(face_id for one in found for face_id in _ids_of_matches(one.matches)))


def _drop_none(**facts: str | None) -> Facts:
    """The facts without those that are None."""
    return {name: value for name, value in facts.items() if value is not None}


RECORDED: Mapping[type[Operation[Any]], Access] = dict(
    [
        row(ops.CreateCollection, "CreateCollection"),
        row(ops.DeleteCollection, "DeleteCollection"),
        row(ops.RetainCollection, "RetainCollection", lambda op: {"days": op.days}),
        row(ops.TagCollection, "TagResource", lambda op: {"keys": sorted(op.tags)[:MOST_NAMED]}),
        row(ops.UntagCollection, "UntagResource", lambda op: {"keys": sorted(op.keys)[:MOST_NAMED]}),
        row(
            ops.IndexFaces,
            "IndexFaces",
            lambda op: {"identity": op.external_image_id},
            faces=_ids_of_indexed,
            told=_of_indexed,
        ),
        row(
            ops.IndexPhotographs,
            "IndexFaces",
            lambda op: {"photographs": len(op.photographs)},
            each=lambda op, done: list(zip(op.photographs, done, strict=True)),
        ),
        row(ops.StartIndexing, "StartIndexing", told=_of_job),
        row(
            ops.ListIndexResults,
            "ListIndexResults",
            lambda op: {"job": op.job_id},
            faces=lambda page: [face_id for one in page.items for face_id in one.face_ids],
            told=lambda page: {"lines": len(page.items)},
        ),
        row(ops.GetFace, "GetFace", named=lambda op: [op.face_id]),
        row(
            ops.ListFaces,
            "ListFaces",
            lambda op: _drop_none(user=op.user_id, identity=op.external_image_id),
            faces=lambda page: [one.face_id for one in page.items],
        ),
        row(
            ops.DeleteFaces,
            "DeleteFaces",
            named=lambda op: op.face_ids,
            faces=lambda done: done.deleted,
            told=lambda done: {"unsuccessful": len(done.unsuccessful), "images": list(done.images[:MOST_NAMED])},
            most=MOST_DELETED,
            erasure=_deletion,
        ),
        row(
            ops.GetImage,
            "GetImage",
            lambda op: {"key": op.key},
            told=lambda found: {"image": found[0].image_id},
        ),
        row(
            ops.GetImageById,
            "GetImage",
            lambda op: {"image": op.image_id},
            told=lambda found: {"image": found[0].image_id},
        ),
        row(
            ops.GetFaceImage,
            "GetFaceImage",
            named=lambda op: [op.face_id],
            told=lambda found: {"image": found[0].image_id},
        ),
        row(ops.GetThumbnail, "GetThumbnail", named=lambda op: [op.face_id]),
        row(ops.GetThumbnails, "GetThumbnails", named=lambda op: op.face_ids, faces=list),
        erasure_row(ops.EraseImage, "EraseImage"),
        erasure_row(ops.EraseIdentity, "EraseIdentity"),
        erasure_row(ops.EraseUser, "EraseUser"),
        erasure_row(ops.ErasePerson, "ErasePerson"),
        erasure_row(ops.EraseCollection, "EraseCollection"),
        # Housekeeping calls it every hour, and mostly no face is that old.
        erasure_row(ops.EraseAged, "EraseAge", worth=lambda erased: erased.face_count > 0),
        row(ops.SearchFaces, "SearchFaces", lambda op: {"face": op.face_id}, faces=_ids_of_matches),
        row(
            ops.SearchImage,
            "SearchFacesByImage",
            faces=lambda found: [face_id for one in found.searches for face_id in _ids_of_matches(one.matches)],
            told=lambda found: {"searched": len(found.searches)},
        ),
        row(
            ops.DescribeFaces,
            "DescribeFaces",
            lambda op: {"templates": op.templates},
            told=lambda found: {"detected": len(found.faces)},
        ),
        row(
            ops.SearchTemplates,
            "SearchTemplates",
            lambda op: {"searched": len(op.templates)},
            faces=lambda found: [face_id for matches in found for face_id in _ids_of_matches(matches)],
        ),
        row(
            ops.CompareTemplates,
            "CompareTemplates",
            lambda op: {"targets": len(op.targets)},
            named=lambda op: [op.face_id] if op.face_id else [],
        ),
        row(ops.DetectFaces, "DetectFaces", told=lambda found: {"detected": len(found)}),
        row(
            ops.CompareFaces,
            "CompareFaces",
            told=lambda found: {"matched": len(found.matches), "unmatched": len(found.unmatched)},
        ),
        row(ops.UpgradeCollection, "UpgradeCollection", lambda op: {"pack": op.pack}, told=_of_job),
        row(ops.SyncCollection, "SyncCollection", lambda op: {"rebuild": op.rebuild}, told=_of_job),
        row(ops.CancelJob, "CancelJob", lambda op: {"job": op.job_id}, told=_of_job),
        row(ops.StartVideo, "StartFaceSearch", lambda op: _of_source(op.source), told=_of_job),
        row(ops.StartVideoDetection, "StartFaceDetection", lambda op: _of_source(op.source), told=_of_job),
        row(
            ops.GetVideo,
            "GetFaceSearch",
            lambda op: {"job": op.job_id, "search": op.search},
            faces=lambda page: _ids_once(page.faces),
            told=lambda page: {"collection": page.video.job.collection_id, "detected": len(page.faces)},
        ),
        row(
            ops.ListAppearances,
            "ListAppearances",
            lambda op: {"job": op.job_id},
            faces=lambda page: _ids_once(page.appearances),
            told=lambda page: {"collection": page.video.job.collection_id, "appearances": len(page.appearances)},
        ),
        row(
            ops.SearchAppearance,
            "SearchAppearance",
            lambda op: {"camera": op.camera, "pictures": len(op.images)},
            faces=lambda found: _ids_of_matches(found.matches),
        ),
        row(ops.EraseVideo, "EraseVideo", lambda op: {"job": op.job_id}),
        row(ops.CreateUser, "CreateUser", lambda op: {"user": op.user_id}),
        row(ops.DeleteUser, "DeleteUser", lambda op: {"user": op.user_id}),
        row(ops.GetUser, "GetUser", lambda op: {"user": op.user_id}),
        row(ops.ListUsers, "ListUsers", told=lambda page: _users([one.user_id for one in page.items])),
        row(
            ops.AssociateFaces,
            "AssociateFaces",
            lambda op: {"user": op.user_id},
            named=lambda op: op.face_ids,
            faces=lambda done: done.associated,
            told=lambda done: {"unsuccessful": len(done.unsuccessful)},
        ),
        row(
            ops.DisassociateFaces,
            "DisassociateFaces",
            lambda op: {"user": op.user_id},
            named=lambda op: op.face_ids,
            faces=lambda done: done.associated,
            told=lambda done: {"unsuccessful": len(done.unsuccessful)},
        ),
        row(
            ops.SearchUsers,
            "SearchUsers",
            lambda op: _drop_none(user=op.user_id, face=op.face_id),
            told=lambda found: _users([one.user.user_id for one in found]),
        ),
        row(
            ops.SearchUsersByImage,
            "SearchUsersByImage",
            told=lambda found: _users([one.user.user_id for one in found.matches]),
        ),
        # By their ids: nothing can be removed from the trail, so it holds no names of people.
        row(
            ops.ListPeople,
            "ListPeople",
            lambda op: {"by_name": op.name is not None},
            faces=lambda page: [one.cover_face_id for one in page.items if one.cover_face_id],
            told=lambda page: _people([one.person_id for one in page.items]),
        ),
        row(ops.GetPerson, "GetPerson", lambda op: {"person": op.person_id}),
        row(
            ops.ListPersonFaces,
            "ListPersonFaces",
            lambda op: {"person": op.person_id},
            faces=lambda page: [one.face_id for one in page.items],
        ),
        row(
            ops.ChangePerson,
            "ChangePerson",
            lambda op: {
                "person": op.person_id,
                "renamed": op.person_name is not None,
                **({} if op.hidden is None else {"hidden": op.hidden}),
            },
        ),
        row(ops.MoveFaces, "MoveFaces", lambda op: {"person": op.person_id}, named=lambda op: op.face_ids),
        row(
            ops.MergePeople,
            "MergePeople",
            lambda op: {"person": op.person_id, "into": op.into},
            told=lambda merged: {"undo": merged.undo_id},
        ),
        row(
            ops.SplitPerson,
            "SplitPerson",
            lambda op: {"person": op.person_id},
            named=lambda op: op.face_ids,
            told=lambda made: {"new": made.person_id, "undo": made.undo_id},
        ),
        row(
            ops.UndoPeople,
            "UndoPeople",
            lambda op: _drop_none(undo=op.undo_id),
            told=lambda done: {"undone": done.kind, "people": [one.person_id for one in done.people]},
        ),
        row(
            ops.NameFaces,
            "NameFaces",
            named=lambda op: op.face_ids,
            told=lambda done: {
                "person": None if done.person is None else done.person.person_id,
                "named": len(done.face_ids),
            },
        ),
        row(ops.KeepApart, "KeepApart", lambda op: {"person": op.person_id}, named=lambda op: op.face_ids),
        row(ops.GroupFaces, "GroupFaces", told=_of_job),
        row(
            ops.ListGroups,
            "ListGroups",
            faces=lambda page: [one.cover_face_id for one in page.items],
            told=lambda page: {"groups": len(page.items)},
        ),
        row(
            ops.NameGroup, "NameGroup", lambda op: {"group": op.group_id}, told=lambda made: {"person": made.person_id}
        ),
        row(
            ops.ListDuplicates,
            "ListDuplicates",
            faces=lambda found: [face for one in found.pairs for face in one.evidence],
            told=lambda found: {"pairs": len(found.pairs), "faces": len(found.faces)},
        ),
        row(
            ops.FindMixedPeople,
            "FindMixedPeople",
            lambda op: {"identities": len(op.external_image_ids)},
            told=lambda found: {"people": [one.person.person_id for one in found]},
        ),
        row(ops.DismissDuplicate, "DismissDuplicate", lambda op: {"pair": op.pair_id}),
    ]
)

NOT_RECORDED: Mapping[type[Operation[Any]], str] = {
    ops.DescribeCollection: "names and counts of a collection, no data of a person; edges ask it for every answer",
    ops.ListCollections: "names and counts of collections, no data of a person",
    ops.ListJobs: "names of collections and how far work on them is, no data of a person",
    ops.GetJob: "how far work on a collection is, no data of a person",
    ops.GetReceipt: "what an erasure removed, which has a row; nothing of it is left",
    ops.ListTags: "labels of a collection, no data of a person",
}
"""Operations that are not accesses to biometric data, each with the reason."""

OF_THE_SERVICE = (
    *("AnchorAudit", "AuditBegun", "AuditTrimmed", "ExportAudit", "ShowAudit"),
    *("CreateKey", "LimitKey", "RevokeKey", "EndJob", "RequestRefused", "RetentionReceipt"),
    *("SetSetting", "SetCalibration", "RemoveCalibration"),
    *("CreateWebhook", "ChangeWebhook", "DeleteWebhook", "TestWebhook", "RetryWebhook"),
)
"""What else people look for in the trail: no operation of a recognizer, or one on keys, webhooks and the trail."""

NAMES = sorted({one.name for one in RECORDED.values()} | set(OF_THE_SERVICE))
"""Names of rows to choose from, by alphabet. The trail may have others of earlier versions."""
