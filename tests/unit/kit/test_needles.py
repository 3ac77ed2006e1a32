"""What a subject is known by is found wherever it stands, and only where it stands alone."""

from __future__ import annotations

import json

import pytest

from services.kit.erasure.needles import Needles


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"customer": {"id": "C-1"}}', True),
        (b'{"customer": {"id": "c-1"', True),
        ("客户C-1来电".encode(), True),
        (b"\x00\x00\x00\x03C-1", True),
        (b'"C-10"', False),
        (b'"AC-1"', False),
        (b'"C-1-2"', False),
        (b"nothing", False),
    ],
)
def test_an_identifier_stands_alone(raw: bytes, found: bool) -> None:
    assert Needles(["C-1"]).in_(raw) is found


def test_it_is_found_as_json_writes_it() -> None:
    needles = Needles(["客户七号"])
    assert needles.in_(json.dumps("客户七号").encode())
    assert needles.in_(json.dumps("客户七号", ensure_ascii=False).encode())
    assert not needles.in_(json.dumps("客户八号").encode())


def test_what_is_too_short_says_nothing() -> None:
    assert not Needles(["7"]).in_(b"7")
    assert not Needles([]).in_(b"anything")


def test_what_would_be_a_pattern_is_none() -> None:
    assert Needles(["a.c+d"]).in_(b"<a.c+d>")
    assert not Needles(["a.c+d"]).in_(b"abccd")
