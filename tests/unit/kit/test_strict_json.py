"""JSON from strangers: what Python's own reader lets pass is refused, with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.strict_json import MAX_DEPTH, NotJson, read_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**90), 10**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc/~"), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_json_is_read(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'{"a": 1, "a": 2}', "/a"),
        (b'{"x": [1, {"a/b": 1, "c": 2, "a/b": 2}]}', "/x/1/a~1b"),
        (b'{"a": 1, "a": 2, oops', ""),
        (b'{"x": {"y": "\\u0000"}}', "/x/y"),
        (b'{"x": NaN}', ""),
        (b'{"x": 1e400}', ""),
        (b'{"x": ' + b"1" * 101 + b"}", ""),
        (b"\xef\xbb\xbf{}", ""),
        (b'"\xff"', ""),
        (b"[" * 100_000, ""),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), "/0" * (MAX_DEPTH + 1)),
    ],
)
def test_what_is_not_is_refused_with_its_place(raw: bytes, pointer: str) -> None:
    with pytest.raises(NotJson) as refused:
        read_json(raw)
    assert refused.value.pointer == pointer


def test_as_deep_as_it_may_be_is_read() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
