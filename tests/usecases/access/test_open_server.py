"""Which requests a server without a key answers: those of its own machine's programs and pages, and no others."""

from __future__ import annotations

import pytest

from kenspeckle.usecases.access.open_server import foreign, is_near

HERE = (b"host", b"127.0.0.1:8080")
LINK = ((b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document"))


@pytest.mark.parametrize("host", [b"127.0.0.1:8080", b"localhost", b"LOCALHOST:1", b"[::1]:8080", b"127.3.2.1"])
def test_names_of_this_machine_are_answered(host: bytes) -> None:
    assert foreign([(b"host", host)], "http", "POST") is None


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([], "0 Host headers"),
        ([HERE, HERE], "2 Host headers"),
        ([(b"host", b"faces.example.org")], "'faces.example.org'"),
        ([(b"host", b"localhost.example.org")], "'localhost.example.org'"),
        ([(b"host", b"127.0.0.1@example.org")], "not to"),
        ([HERE, (b"x-forwarded-for", b"10.0.0.7")], "proxy"),
        ([HERE, (b"via", b"1.1 cache")], "proxy"),
        ([HERE, (b"origin", b"https://example.org")], "'https://example.org'"),
        ([HERE, (b"origin", b"null")], "'null'"),
        ([HERE, (b"origin", b"https://127.0.0.1:8080")], "pages of"),
        ([HERE, (b"sec-fetch-site", b"cross-site")], "other sites"),
        ([HERE, (b"sec-fetch-site", b"same-site"), (b"sec-fetch-mode", b"no-cors")], "other sites"),
    ],
)
def test_all_others_are_told_why_not(headers: list[tuple[bytes, bytes]], why: str) -> None:
    said = foreign(headers, "http", "GET")
    assert said is not None
    assert why in said


def test_a_page_of_its_own_is_answered_whatever_the_case_of_its_origin() -> None:
    own = [HERE, (b"origin", b"HTTP://127.0.0.1:8080"), (b"sec-fetch-site", b"same-origin")]
    assert foreign(own, "http", "POST") is None


def test_a_link_from_another_site_opens_a_tab_and_sends_nothing() -> None:
    followed = [HERE, (b"sec-fetch-site", b"cross-site"), *LINK]
    assert foreign(followed, "http", "GET") is None
    assert foreign(followed, "http", "POST") is not None
    framed = [HERE, (b"sec-fetch-site", b"cross-site"), LINK[0], (b"sec-fetch-dest", b"iframe")]
    assert foreign(framed, "http", "GET") is not None


def test_the_other_end_of_the_socket_decides_what_is_near() -> None:
    assert is_near(None)
    assert is_near("127.0.0.1")
    assert is_near("::1")
    assert not is_near("10.0.0.7")
