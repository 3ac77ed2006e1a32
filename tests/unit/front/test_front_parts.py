"""The pure parts of the front: prefixes, paths that climb, merged OpenAPI, headers."""

from __future__ import annotations

import pytest

from services.front.openapi import merge_openapi, owns
from services.front.proxy import climbs, end_to_end


def test_a_prefix_owns_whole_segments_only() -> None:
    assert owns(("/v1/cases",), "/v1/cases")
    assert owns(("/v1/cases",), "/v1/cases/1/commands")
    assert not owns(("/v1/cases",), "/v1/casesque")


def test_openapi_documents_merge_and_components_that_differ_keep_apart() -> None:
    def document(path: str, kind: str) -> dict[str, object]:
        ref = {"$ref": "#/components/schemas/Answer"}
        return {
            "info": {"title": path, "version": "1"},
            "paths": {path: {"get": ref}, "/internal/quiet": {"get": ref}},
            "components": {"schemas": {"Answer": {"type": kind}, "Same": {"type": "string"}}},
        }

    merged = merge_openapi(
        {"one": document("/a", "string"), "two": document("/b", "object")},
        {"one": ("/a",), "two": ("/b",)},
    )
    assert merged["openapi"].startswith("3.1")
    assert merged["paths"] == {
        "/a": {"get": {"$ref": "#/components/schemas/Answer"}},
        "/b": {"get": {"$ref": "#/components/schemas/two-Answer"}},
    }
    assert merged["components"]["schemas"] == {
        "Answer": {"type": "string"},
        "two-Answer": {"type": "object"},
        "Same": {"type": "string"},
    }


def test_headers_of_one_connection_are_not_passed_on() -> None:
    headers = [
        (b"Content-Type", b"text/plain"),
        (b"Connection", b"keep-alive, X-Mine"),
        (b"X-Mine", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
    ]
    assert end_to_end(headers) == [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
    ]


@pytest.mark.parametrize(
    ("path", "does"),
    [
        ("/v1/cases/../../internal/dead-letters", True),
        ("/v1/cases/./1", True),
        ("/v1/cases/..", True),
        ("/v1/cases/x?/../../internal", True),
        ("/v1/cases/...", False),
        ("/v1/cases/a..b/.hidden", False),
        ("/v1/cases", False),
    ],
)
def test_a_path_climbs_by_whole_segments_only(path: str, does: bool) -> None:
    assert climbs(path) is does
