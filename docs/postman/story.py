"""The order in which the Postman collection calls the API, and what each call sends, keeps and expects.

Sent from top to bottom it is one life of a collection: made, filled, searched, emptied, removed. Paths, parameters and
shapes are not here: `generate.py` takes them from the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GRACE, EILEEN = "grace_hopper.jpg", "astronaut.png"
"""The sample photographs of `kenspeckle models pull --samples`, by their file names."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `operation` is an operationId; `values` are its path and query parameters; `photographs` the files
    of its body, by the name of the form's part, or under "" the whole body; `body` is sent as JSON, a text as it is.
    `keep` puts values of the answer (JavaScript, of `answer`) into variables; `expect` are sentences with the
    JavaScript that proves them."""

    operation: str
    name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    photographs: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    status: tuple[int, ...] = (200,)
    keep: Mapping[str, str] = field(default_factory=dict)
    expect: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """Steps under one heading. Where the environment has `needs` = false, all of them are left out."""

    name: str
    description: str
    steps: tuple[Step, ...]
    needs: str = ""


_HERE = {"collection_id": "{{collection}}"}
_IN = {"collection": "{{collection}}"}
_FACE = {**_HERE, "face_id": "{{faceId}}"}
_USER = {**_HERE, "user_id": "{{userId}}"}
_PERSON = {**_HERE, "person_id": "{{personId}}"}
_KEY = {"key_id": "{{keyId}}"}
_HOOK = {"webhook_id": "{{webhookId}}"}
_NAMES = "answer.matchedFaces"
_FACES = {"FaceIds": ["{{faceId}}"]}

SERVICE = Folder(
    "Service",
    "What is it, and what does it offer?",
    (Step("info", expect={"it is Kenspeckle": 'pm.expect(answer.name).to.equal("kenspeckle");'}),),
)

OPERATIONS = Folder(
    "Operations",
    "For those who run a server. API Gateway leads to none of them; its environment has `hasOperations` = false.",
    (
        Step("healthz", expect={"it is alive": 'pm.expect(answer.status).to.equal("alive");'}),
        Step("readyz", expect={"it is ready": 'pm.expect(answer.status).to.equal("ready");'}),
        Step("metrics"),
        Step("openapi", expect={"it has the index route": 'pm.expect(answer.paths).to.have.property("/v1/search");'}),
        Step("docs"),
    ),
    needs="hasOperations",
)

COLLECTION = Folder(
    "Collections",
    "Everything below happens in the collection `{{collection}}`, which is made here and removed at the end.",
    (
        Step(
            "create_collection",
            body={"CollectionId": "{{collection}}", "Tags": {"made-by": "postman"}},
            status=(201, 409),
        ),
        Step("ensure_collection", values=_HERE, body={}, status=(200, 201)),
        Step(
            "list_collections",
            values={"limit": "4096"},
            expect={
                "the collection is listed": (
                    'pm.expect(answer.CollectionIds).to.include(pm.variables.get("collection"));'
                )
            },
        ),
        Step("describe_collection", values=_HERE),
    ),
)

RECOGNITION = Folder(
    "Recognition",
    "Index photographs, then search with others.",
    (
        Step(
            "index",
            "Index a photograph",
            values={"filename": "grace-hopper.jpg", **_IN},
            photographs={"": GRACE},
            keep={"faceId": "answer.FaceRecords[0].Face.FaceId"},
            expect={
                "one face was stored under the file name": (
                    "pm.expect(answer.FaceRecords).to.have.lengthOf(1);"
                    'pm.expect(answer.FaceRecords[0].Face.ExternalImageId).to.equal("grace-hopper.jpg");'
                )
            },
        ),
        Step(
            "index",
            "Index the same again",
            values={"filename": "grace-hopper.jpg", **_IN},
            photographs={"": GRACE},
            expect={
                "it is the face that was there": (
                    'pm.expect(answer.FaceRecords[0].Face.FaceId).to.equal(pm.variables.get("faceId"));'
                )
            },
        ),
        Step(
            "index",
            "Index someone else",
            values={"filename": "eileen-collins.png", **_IN},
            photographs={"": EILEEN},
            keep={"otherFaceId": "answer.FaceRecords[0].Face.FaceId"},
        ),
        Step(
            "search",
            "Search with a photograph",
            values=_IN,
            photographs={"": GRACE},
            expect={"it shows Grace Hopper": f'pm.expect({_NAMES}).to.eql(["Grace hopper"]);'},
        ),
        Step(
            "search_put",
            "Search with PUT",
            values=_IN,
            photographs={"": EILEEN},
            expect={"it shows Eileen Collins": f'pm.expect({_NAMES}).to.eql(["Eileen collins"]);'},
        ),
        Step(
            "search",
            "Search for every face",
            values={**_IN, "all_faces": "true"},
            photographs={"": EILEEN},
            expect={
                "it shows Eileen Collins": f'pm.expect({_NAMES}).to.eql(["Eileen collins"]);',
                "there is a search for each face": "pm.expect(answer.searches).to.have.lengthOf.at.least(1);",
            },
        ),
        Step(
            "search",
            "Search with what is no photograph",
            values=_IN,
            body="This is no photograph.",
            status=(422,),
            expect={"the problem names the body": 'pm.expect(answer.field).to.equal("body");'},
        ),
        Step(
            "detect",
            photographs={"": GRACE},
            expect={"there is one face": "pm.expect(answer.FaceDetails).to.have.lengthOf(1);"},
        ),
        Step(
            "compare",
            photographs={"source": GRACE, "target": EILEEN},
            expect={
                "they are two people": (
                    "pm.expect(answer.FaceMatches).to.have.lengthOf(0);"
                    "pm.expect(answer.UnmatchedFaces).to.have.lengthOf(1);"
                )
            },
        ),
    ),
)

FACES = Folder(
    "Faces",
    "What the collection holds.",
    (
        Step(
            "list_faces",
            values=_HERE,
            expect={"there are two": "pm.expect(answer.Faces).to.have.lengthOf(2);"},
        ),
        Step("get_face", values=_FACE),
        Step(
            "search_face",
            values={**_FACE, "threshold": "0"},
            expect={
                "the other one is compared, never itself": (
                    "pm.expect(answer.FaceMatches.map((match) => match.Face.FaceId))"
                    '.to.not.include(pm.variables.get("faceId"));'
                )
            },
        ),
        Step("image", values={"key": "grace-hopper.jpg", **_IN}),
        Step("thumbnail", values={"face_id": "{{faceId}}", **_IN}),
        Step(
            "thumbnails",
            values=_HERE,
            body={"face_ids": ["{{faceId}}"]},
            expect={"it has a picture": "pm.expect(answer.thumbnails.length).to.equal(1);"},
        ),
    ),
)

PEOPLE = Folder(
    "People",
    "Whoever faces belong to, with names of their own. Not on AWS, where people are Amazon's users.",
    (
        Step("list_people", values=_HERE, keep={"personId": "answer.people[answer.people.length - 1].person_id"}),
        Step("get_person", values=_PERSON, expect={"it is Grace": 'pm.expect(answer.name).to.equal("Grace hopper");'}),
        Step("list_person_faces", values=_PERSON),
        Step("change_person", values=_PERSON, body={"name": None, "hidden": False}),
        Step("move_faces", values=_PERSON, body={"face_ids": ["{{faceId}}"]}),
        Step("merge_people", values=_PERSON, body={"into": "{{personId}}"}, status=(409,)),
        Step("split_person", values=_PERSON, body={"face_ids": ["{{faceId}}"]}, status=(409,)),
        Step("undo_people", values=_HERE, body={}, status=(409,)),
        Step(
            "name_faces",
            values=_HERE,
            body={"name": "Nobody", "face_ids": ["{{faceId}}"]},
            expect={"the face stays hers": "pm.expect(answer.person).to.equal(null);"},
        ),
        Step(
            "keep_apart", values={**_HERE, "person_id": "person-none"}, body={"face_ids": ["{{faceId}}"]}, status=(404,)
        ),
        Step("list_groups", values=_HERE),
        Step("name_group", values={**_HERE, "group_id": "group-none"}, body={"name": "Nobody"}, status=(404,)),
        Step("group_faces", values={"collection_id": "none"}, status=(404,)),
        Step("list_duplicates", values=_HERE),
        Step("find_mixed_people", values=_HERE, body={"external_image_ids": ["grace-hopper.jpg"]}),
        Step("dismiss_duplicate", values={**_HERE, "pair_id": "person-none.person-no"}, status=(404,)),
        Step("erase_person", values={**_HERE, "person_id": "person-none"}, status=(404,)),
        Step(
            "index_unnamed",
            values=_IN,
            photographs={"": EILEEN},
            keep={"imageId": "answer.FaceRecords[0].Face.ImageId"},
        ),
        Step("image_by_id", values={"image_id": "{{imageId}}", **_IN}),
    ),
    needs="hasKeys",
)

USERS = Folder(
    "Users",
    "Several faces of one person under one id.",
    (
        Step("ensure_user", values=_USER, status=(200, 201)),
        Step("associate_faces", values=_USER, body={**_FACES, "UserMatchThreshold": 75}),
        Step("get_user", values=_USER, expect={"it has a face": "pm.expect(answer.FaceCount).to.equal(1);"}),
        Step("list_users", values=_HERE),
        Step(
            "search_users_by_image",
            values=_HERE,
            photographs={"": GRACE},
            expect={
                "the user is found": (
                    'pm.expect(answer.UserMatches[0].User.UserId).to.equal(pm.variables.get("userId"));'
                )
            },
        ),
        Step("search_user", values=_USER),
        Step("disassociate_face", values=_FACE | _USER),
        Step("associate_faces", "Give the face back", values=_USER, body=_FACES),
        Step("disassociate_faces", values=_USER, body=_FACES),
    ),
)

CLEARING = Folder(
    "Clear up",
    "Deletes what the folders above made, by each of the ways there are. **The last request removes the collection.**",
    (
        Step(
            "delete_face",
            values=_FACE,
            expect={"it is deleted": 'pm.expect(answer.DeletedFaces).to.eql([pm.variables.get("faceId")]);'},
        ),
        Step(
            "delete_faces",
            values=_HERE,
            body={"FaceIds": ["{{otherFaceId}}"]},
            expect={"it is deleted": 'pm.expect(answer.DeletedFaces).to.eql([pm.variables.get("otherFaceId")]);'},
        ),
        Step(
            "search",
            "Search for who was deleted",
            values=_IN,
            photographs={"": GRACE},
            expect={"nobody is found": f"pm.expect({_NAMES}).to.eql([]);"},
        ),
        Step(
            "index",
            "Index once more",
            values={"filename": "grace-hopper.jpg", **_IN},
            photographs={"": GRACE},
        ),
        Step(
            "delete_image",
            values={"key": "grace-hopper.jpg", **_IN},
            keep={"receipt_id": 'answer.Receipt ? answer.Receipt.receipt.id : "receipt-none"'},
            expect={"its face went too": "pm.expect(answer.DeletedFaces).to.have.lengthOf(1);"},
        ),
        Step(
            "index",
            "Index for the last time",
            values={"filename": "grace-hopper.jpg", **_IN},
            photographs={"": GRACE},
        ),
        Step(
            "get_receipt",
            values={"receipt_id": "{{receipt_id}}"},
            status=(200, 501),
            expect={
                "it is that receipt": "if (pm.response.code === 200) "
                'pm.expect(answer.receipt.id).to.eql(pm.variables.get("receipt_id"));'
            },
        ),
        Step("delete_identity", values={**_HERE, "external_image_id": "grace-hopper.jpg"}),
        Step("delete_user", values=_USER, status=(200, 204)),
        Step("delete_collection", values={**_HERE, "receipt": "true"}, status=(200, 204)),
    ),
)

KEYS = Folder(
    "Keys and audit trail",
    "For administrators. On AWS, API Gateway has the keys; the environment says so with `hasKeys` = false.",
    (
        Step(
            "create_key",
            body={"name": "made by postman", "scopes": ["search"]},
            status=(201,),
            keep={"keyId": "answer.id"},
        ),
        Step("list_keys"),
        Step("show_key", values=_KEY),
        Step("limit_key", values=_KEY, body={"rate": 5, "burst": 10, "quota": "10000/day"}),
        Step("rotate_key", values=_KEY, status=(201,), keep={"keyId": "answer.id"}),
        Step(
            "revoke_key",
            values=_KEY,
            expect={"it is worthless": 'pm.expect(answer.state).to.equal("revoked");'},
        ),
        Step("show_audit", values={"limit": "10"}),
    ),
    needs="hasKeys",
)

JOBS = Folder(
    "Jobs",
    "Long work on collections, of which there is none here. Not on AWS.",
    (
        Step("upgrade_collection", values={"collection_id": "none"}, body={"pack": "sface"}, status=(404,)),
        Step("sync_collection", values={"collection_id": "none"}, body={"rebuild": False}, status=(404,)),
        Step("list_jobs", values={"limit": "10"}, expect={"it is a list": 'pm.expect(answer.jobs).to.be.an("array");'}),
        Step("get_job", values={"job_id": "job-none"}, status=(404,)),
        Step("start_indexing", values={"collection_id": "none"}, status=(404,)),
        Step("list_index_results", values={"job_id": "job-none"}, status=(404,)),
        Step("cancel_job", values={"job_id": "job-none"}, status=(404,)),
    ),
    needs="hasKeys",
)

VIDEOS = Folder(
    "Videos",
    "Who is in a video. Send one of your own as the body of the first request. Not on AWS.",
    (
        Step(
            "start_video",
            body={"Video": {"S3Object": {"Bucket": "nobody-has-it", "Name": "entrance.mp4"}}},
            status=(422, 501),
        ),
        Step("get_video", values={"job_id": "job-none"}, status=(404, 501)),
        Step("list_appearances", values={"job_id": "job-none"}, status=(404, 501)),
        Step(
            "search_appearance",
            values={"camera": "entrance", "first_at": "1800000000", "last_at": "1800000002", "frames": "9"},
            photographs={"images": GRACE},
            status=(200, 501),
        ),
        Step("erase_video", values={"job_id": "job-none"}, status=(404, 501)),
    ),
    needs="hasKeys",
)

WEBHOOKS = Folder(
    "Webhooks",
    "For administrators: an endpoint that nobody has, so that its test says why nothing arrives. Not on AWS.",
    (
        Step(
            "create_webhook",
            body={"url": "https://receiver.invalid/faces", "events": ["faces.matched"], "description": "postman"},
            status=(201,),
            keep={"webhookId": "answer.id"},
            expect={"its secret is shown": "pm.expect(answer.secret).to.match(/^whsec_/);"},
        ),
        Step("list_webhooks"),
        Step("show_webhook", values=_HOOK, expect={"now it is not": "pm.expect(answer.secret).to.equal(undefined);"}),
        Step("change_webhook", values=_HOOK, body={"events": ["faces.indexed", "faces.deleted"]}),
        Step("rotate_webhook", values=_HOOK, body={"keep": "1h"}),
        Step("test_webhook", values=_HOOK, expect={"it did not arrive": 'pm.expect(answer.state).to.equal("failed");'}),
        Step("list_deliveries", values={**_HOOK, "limit": "10"}),
        Step("retry_webhook", values=_HOOK, body={}),
        Step(
            "delete_webhook",
            values=_HOOK,
            expect={"it is the same": 'pm.expect(answer.description).to.equal("postman");'},
        ),
    ),
    needs="hasKeys",
)

STORY = (SERVICE, OPERATIONS, COLLECTION, RECOGNITION, FACES, PEOPLE, USERS, CLEARING, JOBS, VIDEOS, KEYS, WEBHOOKS)
