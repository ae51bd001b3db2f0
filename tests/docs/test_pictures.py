"""Pictures of the documentation show what the code and the figures of today give."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from docs.making.fences import PICTURES

from tests.docs.alike import same_picture, same_plot

if importlib.util.find_spec("matplotlib") is None:
    pytest.skip("matplotlib is not installed: pip install 'kenspeckle[bench]'", allow_module_level=True)


def test_plots_show_the_figures_of_today(tmp_path: Path) -> None:
    from docs.making import plots

    for drawn in plots.draw(tmp_path):
        assert same_plot(drawn, PICTURES / drawn.name), f"{drawn.name}; run: make pictures"


def test_the_stages_of_recognition_are_those_of_the_engine(tmp_path: Path) -> None:
    from docs.making import portraits

    drawn = portraits.stages(tmp_path / "recognition.jpg")
    assert same_picture(drawn, PICTURES / drawn.name), "run: make pictures"
