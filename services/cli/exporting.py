"""`recourse export`: a data subject's own data, of all services, in one file.

Owns how the services' parts become one document, and the archive where there are files.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from services.cli.client import address, call, fail, fetch
from services.cli.operators import Service, State, Url
from services.local.state import DEFAULT_STATE

_DOCUMENT = "export.json"


def export(
    subject: Annotated[str | None, typer.Argument(help="the opaque subject")] = None,
    case: Annotated[str | None, typer.Option(help="the subject of this case")] = None,
    customer: Annotated[str | None, typer.Option(help="the operator's id of the customer")] = None,
    output: Annotated[
        Path | None, typer.Option(dir_okay=False, help="a new file, .zip with files; else stdout")
    ] = None,
    url: Url = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Give a customer their data: cases, decisions, messages, files. It is noted in the audit."""
    given = {"subject": subject, "case_id": case, "customer": customer}
    named = {name: text for name, text in given.items() if text is not None}
    if not named:
        fail("name a subject, --case or --customer", 2)
    front = address("front", url, state)
    parts = {each.value: _pages(front, each.value, named) for each in Service}
    document = joined(parts)
    files = {f"evidence/{name}": fetch(f"{front}{path}") for name, path in files_of(document)}
    _write(json.dumps(document, ensure_ascii=False, indent=2), files, output)


def joined(parts: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """One document of what the services answered, by case."""
    from schemas.export import SubjectExport, WholeCase

    intake, escalation, notifier = (parts[name] for name in ("intake", "escalation", "notifier"))
    cases = {item["case_id"]: item for page in intake for item in page["items"]}
    ladders = {item["case_id"]: item for page in escalation for item in page["items"]}
    told = {item["case_id"]: item["messages"] for page in notifier for item in page["items"]}
    whole = {
        case_id: WholeCase.model_validate(
            {
                "case": cases.get(case_id),
                "ladder": ladders.get(case_id),
                "messages": told.get(case_id, []),
            }
        )
        for case_id in sorted({*cases, *ladders, *told})
    }
    found = SubjectExport(
        subject=intake[0]["subject"],
        taken_at=intake[0]["taken_at"],
        preferences=notifier[0]["preferences"],
        cases=whole,
    )
    return found.model_dump(mode="json")


def files_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Every file of a document: its name in the archive, and where its bytes are."""
    return [
        (f"{case_id}/{file['sha256']}", file["path"])
        for case_id, whole in document["cases"].items()
        for file in (whole["case"] or {"evidence": []})["evidence"]
    ]


def _pages(front: str, service: str, named: dict[str, str]) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while not pages or cursor:
        page = call("GET", f"{front}/v1/exports/{service}?{urlencode({**named, **cursor})}")
        pages.append(page)
        cursor = {"cursor": page["next"]} if page["next"] else {}
    return pages


def _write(document: str, files: dict[str, bytes | None], output: Path | None) -> None:
    """Private data is for its owner: the file is new and nobody else may read it."""
    kept = {name: content for name, content in files.items() if content is not None}
    for name in sorted(files.keys() - kept.keys()):
        typer.echo(f"{name}: not kept here any more", err=True)
    if output is None:
        if kept:
            fail(f"there are {len(kept)} files: name an archive with --output", 2)
        sys.stdout.write(document + "\n")
        return
    try:
        output.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        fail(f"{output} is there already", 2)
    if not kept and output.suffix != ".zip":
        output.write_text(document + "\n")
        return
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_DOCUMENT, document)
        for name, content in kept.items():
            archive.writestr(name, content)
