"""The case that `recourse policy explain` is asked about: a file, or words of the command line.

Owns what is assumed of a case that says little: somebody on the phone, now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.imports import Import
from schemas.report import Report
from services.file_mistakes import mistakes_of
from services.yaml_files import Document, InvalidFileError, read_yaml


def case_from(file: Path | None, words: Iterable[str], now: datetime) -> Report:
    """The report of a file (as `POST /v1/cases` takes it), with `key=value` words laid over it.

    Raises `InvalidFileError` for what is no report.
    """
    document = read_yaml(file) if file is not None else Document(Path("-o"), {}, {}, {})
    given = document.plain
    if not isinstance(given, dict):
        raise InvalidFileError([f"{document.path}:1: a case is a mapping, as POST /v1/cases takes"])
    plain = _laid_over(given, words, _assumed(now))
    kind: type[Report] = Import if "mode" in plain else Report
    try:
        return TypeAdapter(kind).validate_python(plain)
    except ValidationError as error:
        raise document.error(mistakes_of(error, kind, plain)) from error


def _assumed(now: datetime) -> dict[str, Any]:
    return {
        "source": "policy-explain",
        "external_id": "1",
        "description": "-",
        "occurred_at": now,
        "customer": {"id": "customer"},
        "contact": {"channel": "phone"},
    }


_SHORT = {
    "channel": ("contact", "channel"),
    "amount": ("transaction", "amount"),
    "currency": ("transaction", "currency"),
    "at": ("occurred_at",),
    "identity_verified": ("customer", "identity_verified"),
    "import_mode": ("mode",),
}


def _laid_over(
    given: Mapping[str, Any], words: Iterable[str], assumed: dict[str, Any]
) -> dict[str, Any]:
    plain = assumed | {
        key: {**assumed[key], **value} if isinstance(value, dict) and key in assumed else value
        for key, value in given.items()
    }
    for word in words:
        key, is_one, value = word.partition("=")
        if not is_one or not key:
            raise InvalidFileError([f"-o:1: {word!r} is no key=value: write category=refund"])
        _set(plain, _place(key), value)
    transaction = plain.get("transaction")
    if isinstance(transaction, dict):
        transaction.setdefault("id", "transaction")
    return plain


def _place(key: str) -> tuple[str, ...]:
    if key in _SHORT:
        return _SHORT[key]
    first, dot, rest = key.partition(".")
    return (first, rest) if dot else (key,)


def _set(plain: dict[str, Any], place: tuple[str, ...], value: str) -> None:
    at = plain
    for step in place[:-1]:
        inner = at.get(step)
        at[step] = dict(inner) if isinstance(inner, dict) else {}
        at = at[step]
    at[place[-1]] = _value(value)


def _value(text: str) -> Any:
    """As YAML has it where it is a number or a truth; else the text itself."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
