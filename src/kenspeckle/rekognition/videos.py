"""Stored video in Amazon's protocol: jobs that detect or search the faces of a video in a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from kenspeckle.domain import VideoSource
from kenspeckle.domain import operations as ops
from kenspeckle.domain.attributes import parse_names
from kenspeckle.rekognition.errors import invalid
from kenspeckle.rekognition.service import Service
from kenspeckle.shapes import dump

Json: TypeAlias = dict[str, Any]
Request: TypeAlias = Mapping[str, Any]

MOST = 1000
"""Items of a page; a client that asks for more gets as many."""


def start_face_search(service: Service, request: Request) -> Json:
    started = service.recognizer.handle(
        ops.StartVideo(
            collection_id=request["CollectionId"],
            threshold=request.get("FaceMatchThreshold"),
            **_read_request(service, request),
        )
    )
    return {"JobId": started.job_id}


def start_face_detection(service: Service, request: Request) -> Json:
    attributes = parse_names([request.get("FaceAttributes") or "DEFAULT"])
    started = service.recognizer.handle(
        ops.StartVideoDetection(attributes=attributes, **_read_request(service, request))
    )
    return {"JobId": started.job_id}


def get_face_search(service: Service, request: Request) -> Json:
    return dump.face_search(_page(service, request, search=True))


def get_face_detection(service: Service, request: Request) -> Json:
    return dump.face_detection(_page(service, request, search=False))


def _page(service: Service, request: Request, *, search: bool) -> Any:
    return service.recognizer.handle(
        ops.GetVideo(
            job_id=request["JobId"],
            search=search,
            by_person=request.get("SortBy") == "INDEX",
            limit=min(request.get("MaxResults") or MOST, MOST),
            cursor=request.get("NextToken"),
            only=service.principal.only,
            key_id=_key_id(service),
        )
    )


def _read_request(service: Service, request: Request) -> Json:
    named = request["Video"].get("S3Object") or {}
    bucket, name = named.get("Bucket"), named.get("Name")
    if bucket is None or name is None:
        raise invalid("Request has invalid parameters: Video.S3Object needs Bucket and Name.")
    channel = request.get("NotificationChannel")
    return {
        "source": VideoSource(bucket=bucket, name=name, version=named.get("Version")),
        "tag": request.get("JobTag"),
        "token": request.get("ClientRequestToken"),
        "topic": None if channel is None else channel["SNSTopicArn"],
        "key_id": _key_id(service),
        "only": service.principal.only,
    }


def _key_id(service: Service) -> str:
    key = service.principal.key
    return "" if key is None else key.key_id
