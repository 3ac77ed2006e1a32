"""The checked-in AsyncAPI document is what the code says, and is one of version 3.

The shape is checked by FastStream's models of AsyncAPI 3 and by what they do not see: references,
names, and that the payloads are schemas.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema

import schemas
from schemas.asyncapi import asyncapi
from schemas.topics import TOPICS, all_events

FILE = Path(schemas.__file__).parent / "asyncapi.yaml"


def test_the_file_is_current() -> None:
    text = yaml.safe_dump(asyncapi(), allow_unicode=True, sort_keys=False, width=100)
    if os.environ.get("RECOURSE_WRITE_GOLDENS"):
        FILE.write_text(text)
    assert FILE.read_text() == text, "run `make goldens`"


def test_it_is_a_document_of_version_3() -> None:
    document = asyncapi()
    # That model wants a path of every server, which the specification does not.
    ApplicationSchema.model_validate({**document, "servers": None})
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
    assert {channel["address"] for channel in document["channels"].values()} == {
        f"recourse.{row.name}" for row in TOPICS
    }
    types = {f"{event.type_name()}" for event in all_events()}
    assert types <= document["components"]["messages"].keys()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from references(each)


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi()
    found = set(references(document))
    assert found
    for reference in found:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


@pytest.mark.parametrize("name", sorted(asyncapi()["components"]["schemas"]))
def test_the_payloads_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(asyncapi()["components"]["schemas"][name])


def test_no_private_field_is_promised_in_clear() -> None:
    payloads = asyncapi()["components"]["schemas"]
    for event in all_events():
        shown = payloads[event.type_name()].get("properties", {})
        assert not event.private_fields() & shown.keys(), event.type_name()
