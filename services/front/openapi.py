"""One OpenAPI document out of those of all services. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_REF = "#/components/"


def merge_openapi(
    documents: Mapping[str, dict[str, Any]], prefixes: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """The public paths of all documents, by service name, with the components they need.

    A component that two services define differently is named after its service.
    """
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Recourse", "version": _version(documents)},
        "paths": {},
        "components": {},
    }
    for service, document in documents.items():
        renamed = _with_own_names(service, document, merged["components"])
        for kind, items in renamed.get("components", {}).items():
            merged["components"].setdefault(kind, {}).update(items)
        for path, item in renamed.get("paths", {}).items():
            if owns(prefixes[service], path):
                merged["paths"][path] = item
    return merged


def owns(prefixes: tuple[str, ...], path: str) -> bool:
    """Whether a path is one of the prefixes or lies below one."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def _version(documents: Mapping[str, dict[str, Any]]) -> str:
    versions = {document.get("info", {}).get("version", "0") for document in documents.values()}
    return ", ".join(sorted(versions))


def _with_own_names(
    service: str, document: dict[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The document with those components renamed that already mean something else."""
    renames = {
        f"{_REF}{kind}/{name}": f"{service}-{name}"
        for kind, items in document.get("components", {}).items()
        for name, item in items.items()
        if known.get(kind, {}).get(name, item) != item
    }
    text = json.dumps(document)
    for ref, name in renames.items():
        kind_ref = ref.rsplit("/", 1)[0]
        text = text.replace(json.dumps(ref), json.dumps(f"{kind_ref}/{name}"))
    renamed: dict[str, Any] = json.loads(text)
    for ref, name in renames.items():
        kind, old = ref.removeprefix(_REF).split("/", 1)
        renamed["components"][kind][name] = renamed["components"][kind].pop(old)
    return renamed
