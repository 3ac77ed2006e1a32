"""The AsyncAPI 3 document of the topics: who sends what where, and what a message looks like.

Pure. `schemas/asyncapi.yaml` is what other systems read; a test compares, `make goldens` writes it.
Messages are shown as they travel: private fields are in `sealed`, which only Recourse can open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from schemas.actions import FOREIGN_ANSWERS
from schemas.control import CONTROL_EVENTS
from schemas.json_schema import documents
from schemas.report import FOREIGN_REPORTS
from schemas.topics import ACTIONS_ANSWERED, REPORTS, SEALED_FIELD, STREAM_CONTROL, TOPICS, TopicRow

_PREFIX: Final = "recourse."
_FOREIGN: Final = {REPORTS: tuple(FOREIGN_REPORTS), ACTIONS_ANSWERED: tuple(FOREIGN_ANSWERS)}
_DEAD_LETTERS: Final = "recourse.message.dead_lettered.v1"
_SEALED: Final = {
    "type": "object",
    "description": "AES-256-GCM under the data subject's key; absent where nothing is private.",
    "required": ["subject", "blob"],
    "properties": {
        "subject": {"type": "string", "format": "uuid"},
        "blob": {"type": "string", "contentEncoding": "base64"},
    },
}
_OURS: Final = {
    "ce_sequence": "Position in the case's stream of this topic: 1, 2, 3...",
    "ce_after": "Every input position that the sender had applied to the case.",
    "ce_recordedat": "Domain time, taken under the case's lock.",
    "ce_prevhash": "SHA-256 over the event before; empty for the first.",
}


def asyncapi() -> dict[str, Any]:
    """The whole document."""
    payloads = _payloads()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Recourse",
            "version": "1",
            "description": "Every message is a CloudEvent in binary content mode: `ce_*` headers "
            "and a JSON value. Order is promised per case (the key), never globally.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "kafka.wallet.example:9092",
                "protocol": "kafka-secure",
                "security": [{"$ref": "#/components/securitySchemes/scram"}],
            }
        },
        "channels": {_camel(row.name): _channel(row) for row in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "securitySchemes": {"scram": {"type": "scramSha512"}},
            "messages": {name: _message(name, payloads) for name in _all_messages()},
            "schemas": payloads,
        },
    }


def _all_messages() -> list[str]:
    return sorted({name for row in TOPICS for name in _messages_of(row)})


def _messages_of(row: TopicRow) -> list[str]:
    """The types on a topic; heartbeats travel on every topic of ours."""
    control = [event.type_name() for event in CONTROL_EVENTS if event.type_name() != _DEAD_LETTERS]
    if row.name in _FOREIGN:
        return list(_FOREIGN[row.name])
    if row.name == STREAM_CONTROL:
        return control
    if row.name.endswith(".dead-letters"):
        return [_DEAD_LETTERS]
    heartbeat = [name for name in control if "heartbeat" in name]
    return [*(event.type_name() for event in row.events), *heartbeat]


def _channel(row: TopicRow) -> dict[str, Any]:
    days = f"Kept for {row.retention_days} days."
    return {
        "address": _PREFIX + row.name,
        "description": f"{_who(row)} {days}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages_of(row)},
        "bindings": {"kafka": {"topic": _PREFIX + row.name, "bindingVersion": "0.5.0"}},
    }


def _who(row: TopicRow) -> str:
    readers = ", ".join(row.readers) or "whoever watches"
    return f"Written by {row.writer or 'others'}, read by {readers}."


def _operations() -> Iterable[tuple[str, dict[str, Any]]]:
    for row in TOPICS:
        channel = {"$ref": f"#/channels/{_camel(row.name)}"}
        if row.writer is not None:
            yield f"{row.writer}Sends{_title(row.name)}", {"action": "send", "channel": channel}
        for reader in row.readers:
            yield f"{reader}Receives{_title(row.name)}", {"action": "receive", "channel": channel}


def _message(name: str, payloads: dict[str, Any]) -> dict[str, Any]:
    foreign = not name.startswith("recourse.")
    extensions = (
        {} if foreign else {n: {"type": "string", "description": d} for n, d in _OURS.items()}
    )
    headers = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_type": {"const": name},
        "ce_subject": {"type": "string", "description": "The case."},
        **extensions,
    }
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type"]
    return {
        "name": name,
        "summary": payloads[name].get("description", name).split("\n")[0],
        "headers": {"type": "object", "required": required, "properties": headers},
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def _payloads() -> dict[str, Any]:
    """The value of each message by its type, and the definitions that they share."""
    found: dict[str, Any] = {}
    for file, schema in documents().items():
        name = file.removesuffix(".json")
        foreign = name.removesuffix(".v1")
        _add(found, foreign if foreign in FOREIGN_REPORTS else name, schema)
    for name, answer in FOREIGN_ANSWERS.items():
        _add(found, name, answer.model_json_schema(by_alias=False))
    return dict(sorted(found.items()))


def _add(found: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """A schema with its definitions moved to where the document keeps them.

    A definition whose name means something else there is named after the message.
    """
    text = json.dumps({k: v for k, v in schema.items() if k not in {"$schema", "$id"}})
    moved = _moved(text, {})
    taken = {d: f"{name}.{d}" for d, c in moved["$defs"].items() if found.get(d, c) != c}
    moved = _moved(text, taken)
    for definition, content in moved.pop("$defs").items():
        found[taken.get(definition, definition)] = content
    found[name] = _as_it_travels(moved)


def _moved(text: str, names: dict[str, str]) -> dict[str, Any]:
    for old, new in names.items():
        text = text.replace(f'"#/$defs/{old}"', f'"#/components/schemas/{new}"')
    moved: dict[str, Any] = json.loads(text.replace('"#/$defs/', '"#/components/schemas/'))
    return {"$defs": {}, **moved}


def _as_it_travels(schema: dict[str, Any]) -> dict[str, Any]:
    fields = schema.get("properties", {})
    private = {name for name, field in fields.items() if field.get("x-private")}
    if not private:
        return schema
    kept = {name: field for name, field in fields.items() if name not in private}
    required = [name for name in schema.get("required", ()) if name not in private]
    return {**schema, "properties": {**kept, SEALED_FIELD: _SEALED}, "required": required}


def _camel(name: str) -> str:
    title = _title(name)
    return title[0].lower() + title[1:]


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace(".", "-").split("-"))
