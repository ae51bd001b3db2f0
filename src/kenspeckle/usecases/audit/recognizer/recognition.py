"""Searches, detection and comparison, recorded."""

from __future__ import annotations

from collections.abc import Sequence

from kenspeckle.domain import Comparison, FaceDetail, FaceMatch, ImageSearch, QualityFilter
from kenspeckle.usecases.audit.recognizer.recording import Recording


class AuditedRecognition(Recording):
    """The part of `ports.Recognizer` that searches, detects and compares."""

    def search_faces(
        self, collection_id: str, face_id: str, *, threshold: float | None = None, max_faces: int | None = None
    ) -> tuple[FaceMatch, ...]:
        return self._run(
            "SearchFaces",
            collection_id,
            lambda: self.inner.search_faces(collection_id, face_id, threshold=threshold, max_faces=max_faces),
            {"face": face_id},
            faces=_matched,
        )

    def search_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
        every_face: bool = False,
    ) -> ImageSearch:
        return self._run(
            "SearchFacesByImage",
            collection_id,
            lambda: self.inner.search_image(
                collection_id,
                image,
                threshold=threshold,
                max_faces=max_faces,
                quality=quality,
                every_face=every_face,
            ),
            faces=lambda found: [face_id for one in found.searches for face_id in _matched(one.matches)],
            told=lambda found: {"searched": len(found.searches)},
        )

    def detect_faces(self, image: bytes) -> tuple[FaceDetail, ...]:
        return self._run(
            "DetectFaces",
            None,
            lambda: self.inner.detect_faces(image),
            told=lambda found: {"detected": len(found)},
        )

    def compare_faces(
        self,
        source: bytes,
        target: bytes,
        *,
        threshold: float | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> Comparison:
        return self._run(
            "CompareFaces",
            None,
            lambda: self.inner.compare_faces(source, target, threshold=threshold, quality=quality),
            told=lambda found: {"matched": len(found.matches), "unmatched": len(found.unmatched)},
        )


def _matched(matches: Sequence[FaceMatch]) -> list[str]:
    return [one.face.face_id for one in matches]
