"""A client runs its whole life against the service as it would against Amazon: create, index, search, users, delete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kenspeckle.usecases.access.credentials import Created
from tests.rekognition.portraits import portrait
from tests.rekognition.served import ACCOUNT, REGION, Served

ADA, EVE, STRANGER = 0.0, 1.5, 3.0


def test_whole_life_with_boto3_as_it_comes(locked_server: Served, admin: Created, fresh: Callable[[], str]) -> None:
    client = locked_server.client(admin, retries={})
    name = fresh()
    made = client.create_collection(CollectionId=name, Tags={"team": "front desk"})
    arn = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:collection/{name}"
    assert (made["StatusCode"], made["CollectionArn"]) == (200, arn)

    faces = index(client, name)
    described = client.describe_collection(CollectionId=name)
    assert (described["CollectionARN"], described["FaceCount"], described["UserCount"]) == (arn, 4, 0)
    assert abs((datetime.now(UTC) - described["CreationTimestamp"]).total_seconds()) < 60

    found = client.search_faces_by_image(CollectionId=name, Image={"Bytes": portrait(ADA + 0.02)}, MaxFaces=2)
    assert [match["Face"]["ExternalImageId"] for match in found["FaceMatches"]] == ["ada-1.png", "ada-2.png"]
    assert found["FaceMatches"][0]["Similarity"] > 90
    again = client.search_faces(CollectionId=name, FaceId=faces["ada-1.png"])
    assert [match["Face"]["FaceId"] for match in again["FaceMatches"]] == [faces["ada-2.png"]]

    users(client, name, faces)

    client.tag_resource(ResourceArn=arn, Tags={"floor": "2"})
    client.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"floor": "2"}

    compared = client.compare_faces(
        SourceImage={"Bytes": portrait(ADA)}, TargetImage={"Bytes": portrait(EVE, ADA + 0.01)}
    )
    assert len(compared["FaceMatches"]) == len(compared["UnmatchedFaces"]) == 1
    detected = client.detect_faces(Image={"Bytes": portrait(ADA, EVE, kind="JPEG")}, Attributes=["ALL"])
    assert len(detected["FaceDetails"]) == 2

    listed = [face["FaceId"] for page in pages(client, "list_faces", name) for face in page["Faces"]]
    assert sorted(listed) == sorted(faces.values())
    deleted = client.delete_faces(CollectionId=name, FaceIds=list(faces.values()))
    assert sorted(deleted["DeletedFaces"]) == sorted(faces.values())
    assert client.delete_collection(CollectionId=name)["StatusCode"] == 200
    everything = [one for page in client.get_paginator("list_collections").paginate() for one in page["CollectionIds"]]
    assert name not in everything


def index(client: Any, name: str) -> dict[str, str]:
    """Two photographs of ada, one of eve and one of a stranger; face ids by name."""
    people = {"ada-1.png": ADA, "ada-2.png": ADA + 0.1, "eve-1.png": EVE, "stranger.png": STRANGER}
    faces = {}
    for external, person in people.items():
        answer = client.index_faces(
            CollectionId=name, Image={"Bytes": portrait(person)}, ExternalImageId=external, MaxFaces=1
        )
        assert answer["UnindexedFaces"] == []
        assert "OrientationCorrection" not in answer
        faces[external] = answer["FaceRecords"][0]["Face"]["FaceId"]
    again = client.index_faces(CollectionId=name, Image={"Bytes": portrait(ADA)}, ExternalImageId="ada-1.png")
    assert [record["Face"]["FaceId"] for record in again["FaceRecords"]] == [faces["ada-1.png"]]
    return faces


def users(client: Any, name: str, faces: dict[str, str]) -> None:
    """Create a user, gather faces, find it, and take it apart again."""
    client.create_user(CollectionId=name, UserId="ada")
    assert client.list_users(CollectionId=name)["Users"] == [{"UserId": "ada", "UserStatus": "CREATED"}]
    both = [faces["ada-1.png"], faces["ada-2.png"]]
    associated = client.associate_faces(CollectionId=name, UserId="ada", FaceIds=[*both, faces["eve-1.png"]])
    assert [one["FaceId"] for one in associated["AssociatedFaces"]] == both
    assert associated["UnsuccessfulFaceAssociations"][0]["Reasons"] == ["LOW_MATCH_CONFIDENCE"]
    assert associated["UserStatus"] == "ACTIVE"

    by_image = client.search_users_by_image(CollectionId=name, Image={"Bytes": portrait(ADA + 0.05, EVE)})
    assert [match["User"]["UserId"] for match in by_image["UserMatches"]] == ["ada"]
    assert by_image["UnsearchedFaces"][0]["Reasons"] == ["FACE_NOT_LARGEST"]
    by_face = client.search_users(CollectionId=name, FaceId=both[0])
    assert by_face["SearchedFace"] == {"FaceId": both[0]}
    assert by_face["UserMatches"][0]["User"] == {"UserId": "ada", "UserStatus": "ACTIVE"}
    nobody = client.search_users_by_image(CollectionId=name, Image={"Bytes": portrait()})
    assert nobody["UserMatches"] == []
    assert "SearchedFace" not in nobody

    owned = client.list_faces(CollectionId=name, UserId="ada")["Faces"]
    assert [face["UserId"] for face in owned] == ["ada", "ada"]
    kept = client.delete_faces(CollectionId=name, FaceIds=both[:1])["UnsuccessfulFaceDeletions"]
    assert (kept[0]["Reasons"], kept[0]["UserId"]) == (["ASSOCIATED_TO_AN_EXISTING_USER"], "ada")
    gone = client.disassociate_faces(CollectionId=name, UserId="ada", FaceIds=both[:1])
    assert [one["FaceId"] for one in gone["DisassociatedFaces"]] == both[:1]
    client.delete_user(CollectionId=name, UserId="ada")
    assert client.list_users(CollectionId=name)["Users"] == []


def pages(client: Any, operation: str, name: str) -> Any:
    return client.get_paginator(operation).paginate(CollectionId=name, PaginationConfig={"PageSize": 3})
