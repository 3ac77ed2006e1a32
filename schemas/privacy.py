"""The kinds of private data that an answer may show, as the audit names them.

Owns the words. What shows which kind is said by the services' access rules.
"""

from __future__ import annotations

from enum import StrEnum


class Shown(StrEnum):
    """A kind of private data."""

    CASE = "case"
    """That somebody has a case: its status, category, place on the ladder."""
    PERSON = "person"
    """Name, phone, e-mail, the operator's id, addresses of theirs."""
    WORDS = "words"
    """What was said and written: descriptions, contacts, replies, messages."""
    FACTS = "facts"
    """Transactions, amounts and other facts."""
    EVIDENCE = "evidence"
    """Files."""
    STAFF = "staff"
    """Names of agents."""
    EVERYTHING = "everything"
    """All that is held about one subject, as an export gives it."""


def showing(*kinds: Shown) -> frozenset[str]:
    """The kinds that a route shows, readable in a table."""
    return frozenset(kind.value for kind in kinds)
