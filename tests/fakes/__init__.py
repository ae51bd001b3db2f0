"""Fakes of the ports, in memory, for tests of the core. The contract suites hold them to what the real things do."""

from tests.fakes.catalog import FakeCatalog
from tests.fakes.images import FakeImages
from tests.fakes.keys import FakeKeys

__all__ = ["FakeCatalog", "FakeImages", "FakeKeys"]
