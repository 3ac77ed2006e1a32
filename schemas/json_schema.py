"""JSON Schema of every event version, and what makes a change incompatible.

Pure. The checked-in files in `schemas/json/` are the contract that other systems generate code
from; a test compares, `make goldens` writes them and refuses an incompatible change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.event import EventData
from schemas.report import FOREIGN_REPORTS
from schemas.topics import all_events

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, dict[str, Any]]:
    """File name to schema: one for each of our events, one for each foreign report."""
    ours = {f"{cls.type_name()}.json": _event(cls) for cls in all_events()}
    foreign = {
        f"{name}.v1.json": {"$schema": DIALECT, "$id": f"{name}.v1", **model.model_json_schema()}
        for name, model in FOREIGN_REPORTS.items()
    }
    return {**ours, **foreign}


def _event(cls: type[EventData]) -> dict[str, Any]:
    """The schema of an event's data before sealing; private fields carry `x-private`."""
    schema = cls.model_json_schema(mode="serialization")
    properties: dict[str, Any] = schema.get("properties", {})
    for name in cls.private_fields():
        properties[name]["x-private"] = True
    required = [name for name, field in cls.model_fields.items() if field.is_required()]
    return {"$schema": DIALECT, "$id": cls.type_name(), **schema, "required": required}


def incompatibilities(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why a reader of the old schema, or of events already published, would break; empty if none.

    Allowed without a new version: further optional fields, further definitions, better texts.
    """
    found = [*_fields(old, new, "")]
    for name, definition in old.get("$defs", {}).items():
        replaced = new.get("$defs", {}).get(name)
        if replaced is not None:
            found += _fields(definition, replaced, f"{name}.")
            found += _words(definition, replaced, name)
    return found


def _fields(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{path}{name} was removed"
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{path}{name} is required now: events already published lack it"
    for name in before.keys() & after.keys():
        if _shape(before[name]) != _shape(after[name]):
            yield f"{path}{name} changed its type"
        if before[name].get("x-private") != after[name].get("x-private"):
            yield f"{path}{name} moved between the clear and the sealed half"


def _words(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> Iterator[str]:
    for word in set(old.get("enum", ())) - set(new.get("enum", old.get("enum", ()))):
        yield f"{name} lost the word {word!r}"


def _shape(schema: Mapping[str, Any]) -> object:
    """The part of a property's schema that decides what values fit."""
    kept = ("type", "format", "$ref", "anyOf", "items", "additionalProperties", "enum")
    return {key: schema[key] for key in kept if key in schema}
