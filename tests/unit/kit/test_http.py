"""Where a validation error points."""

from __future__ import annotations

import pytest

from services.kit.faults import Invalid
from services.kit.http import decode_cursor, encode_cursor, pointer


@pytest.mark.parametrize(
    ("location", "body", "expected"),
    [
        (("transaction", "amount"), {"transaction": {"amount": "x"}}, "/transaction/amount"),
        (("transaction", "amount"), {"transaction": {}}, "/transaction/amount"),
        (("reply", "text"), {"command": "reply"}, "/text"),
        (("evidence", 1, "sha256"), {"evidence": [{}, {}]}, "/evidence/1/sha256"),
        (("facts", "a/b~c"), {"facts": {"a/b~c": 1}}, "/facts/a~1b~0c"),
        ((), {}, ""),
    ],
)
def test_pointers(location: tuple[str | int, ...], body: object, expected: str) -> None:
    assert pointer(location, body) == expected


def test_cursors_come_back_and_foreign_ones_are_refused() -> None:
    assert decode_cursor(encode_cursor(["2026", "x"])) == ["2026", "x"]
    with pytest.raises(Invalid):
        decode_cursor("not a cursor")
