"""The pack and the sample photographs, as the tests of the engine have them."""

from __future__ import annotations

from tests.vision.conftest import dlib_pack, models_dir, pack, samples, sface_pack

__all__ = ["dlib_pack", "models_dir", "pack", "samples", "sface_pack"]
