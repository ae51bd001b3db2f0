"""A test of somebody's program, for environments that have nothing but the package and pytest (`make installed`)."""

from __future__ import annotations

from kenspeckle.testing.endpoint import Endpoint


def test_a_guest_is_recognized(kenspeckle: Endpoint) -> None:
    with kenspeckle.client() as client:
        client.index(kenspeckle.photograph("Ada"), "Ada")
        assert client.search(kenspeckle.photograph("Ada")).searches[0].matches
