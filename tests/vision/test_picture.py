"""Drawing: every mark shows, at any size, with any label."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from kenspeckle.domain import Box, Landmark
from kenspeckle.errors import UnsupportedImage
from kenspeckle.vision.picture import MAX_SIDE, MIN_SIDE, Mark, annotate
from tests.vision.drawing import encode, exif

GREY = (120, 120, 120)


def drawn(size: tuple[int, int], marks: list[Mark], kind: str = "PNG") -> Image.Image:
    return Image.open(io.BytesIO(annotate(encode(Image.new("RGB", size, GREY), kind), marks)))


def changed(image: Image.Image) -> np.ndarray:
    difference = np.abs(np.asarray(image.convert("RGB"), int) - GREY)
    return np.asarray(difference.max(axis=2) > 40)


@pytest.mark.parametrize("size", [(40, 30), (640, 480), (3000, 300), (300, 3000), (4000, 3000)])
def test_frames_and_labels_show_at_any_size(size: tuple[int, int]) -> None:
    image = drawn(size, [Mark(Box(0.3, 0.3, 0.3, 0.3), "Grace Hopper 99.1")])
    assert MIN_SIDE <= max(image.size) <= MAX_SIDE
    assert abs(image.width / image.height - size[0] / size[1]) < 0.05 * size[0] / size[1]
    touched = changed(image)
    middle = touched[
        int(image.height * 0.35) : int(image.height * 0.9), int(image.width * 0.28) : int(image.width * 0.33)
    ]
    assert middle.any()
    assert 0.001 < touched.mean() < 0.6
    assert not touched[: image.height // 10].any()


def test_nothing_is_drawn_without_marks() -> None:
    assert not changed(drawn((640, 480), [])).any()


def test_known_and_unknown_have_their_colours() -> None:
    colours = [
        np.asarray(drawn((640, 480), [Mark(Box(0.2, 0.2, 0.5, 0.5), "", known)]).convert("RGB"))[240, 128]
        for known in (True, False)
    ]
    assert colours[0][1] > colours[0][0]  # teal
    assert colours[1][0] > colours[1][2]  # amber


@pytest.mark.parametrize(
    "box", [Box(-0.2, -0.2, 0.5, 0.5), Box(0.9, 0.9, 0.4, 0.4), Box(0.5, 0.5, 0, 0), Box(0, 0, 1, 1)]
)
def test_a_box_over_the_edge_still_has_its_label(box: Box) -> None:
    assert changed(drawn((640, 480), [Mark(box, "x" * 300, landmarks=(Landmark("nose", 0.5, 0.5),))])).any()


def test_labels_of_a_row_of_faces_do_not_cover_each_other() -> None:
    marks = [Mark(Box(0.1 + 0.15 * at, 0.4, 0.12, 0.16), "Leonard Hofstadter 98.7") for at in range(5)]
    apart = sum(changed(drawn((1200, 800), [mark])).sum() for mark in marks)
    assert changed(drawn((1200, 800), marks)).sum() > 0.85 * apart


def test_keeps_png_and_writes_jpeg_for_the_rest_upright() -> None:
    assert drawn((640, 480), [], "PNG").format == "PNG"
    assert drawn((640, 480), [], "WEBP").format == "JPEG"
    turned = annotate(encode(Image.new("RGB", (640, 480)), "JPEG", exif=exif(6)), [])
    assert Image.open(io.BytesIO(turned)).size == (480, 640)


def test_labels_may_be_of_any_language() -> None:
    assert changed(drawn((640, 480), [Mark(Box(0.3, 0.3, 0.3, 0.3), "Björk Guðmundsdóttir 毛")])).any()


def test_what_is_no_image_is_told_so() -> None:
    with pytest.raises(UnsupportedImage):
        annotate(b"no image", [])
