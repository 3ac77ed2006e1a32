"""The checked-in JSON Schemas are what the code says, and no change breaks a reader.

`make goldens` writes them anew; an incompatible change is refused there too: it
needs a new event version.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import schemas
from schemas.json_schema import documents, incompatibilities

FOLDER = Path(schemas.__file__).parent / "json"


def stored(name: str) -> dict[str, Any] | None:
    file = FOLDER / name
    return json.loads(file.read_text()) if file.exists() else None


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_file_is_current_and_compatible(name: str) -> None:
    new = json.loads(json.dumps(documents()[name]))
    old = stored(name)
    broken = incompatibilities(old, new) if old else []
    assert broken == [], f"{name}: give the event a new version instead"
    if os.environ.get("RECOURSE_WRITE_GOLDENS"):
        (FOLDER / name).write_text(json.dumps(new, indent=2, ensure_ascii=False) + "\n")
    assert stored(name) == new, "run `make goldens`"


def test_no_file_is_left_over() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == set(documents())


def test_the_schemas_are_schemas() -> None:
    for document in documents().values():
        jsonschema.Draft202012Validator.check_schema(document)


OPENED = "recourse.case.opened.v1.json"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s["properties"].pop("channel"), "channel was removed"),
        (lambda s: s["required"].append("amount"), "amount is required now"),
        (lambda s: s["properties"]["episode"].update(type="string"), "episode changed its type"),
        (lambda s: s["properties"]["customer"].pop("x-private"), "customer moved between"),
        (lambda s: s["$defs"]["Status"]["enum"].remove("open"), "Status lost the word 'open'"),
    ],
)
def test_incompatible_changes_are_found(change: Any, says: str) -> None:
    old = documents()[OPENED]
    new = copy.deepcopy(old)
    change(new)
    (found,) = incompatibilities(old, new)
    assert found.startswith(says)


def test_a_further_optional_field_is_compatible() -> None:
    old = documents()[OPENED]
    new = copy.deepcopy(old)
    new["properties"]["mood"] = {"type": "string"}
    assert incompatibilities(old, new) == []
