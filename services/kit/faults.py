"""The ways in which work can fail, each with a closed code that travels to logs and answers.

Owns the exceptions; never decides which one applies.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


class Poison(Exception):
    """This message can never be taken; it becomes a dead letter with this reason."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Postpone(Exception):
    """This message cannot be decided yet; it waits, and the reason says for what."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Exception):
    """A command that is not legal now: 409 with the reason and what helps the caller."""

    def __init__(self, reason: str, detail: str = "", extra: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.extra = extra or {}


class Forbidden(Exception):
    """The caller may not do this: 403 with the reason."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class NotFound(Exception):
    """What the caller named does not exist: 404."""


class Erased(Exception):
    """Whom the object is about was erased; it was there, and nothing of it is left: 410."""


class Invalid(Exception):
    """A value that the model cannot know to be wrong: 422 with a JSON pointer."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}")
        self.pointer = pointer
        self.detail = detail


class Behind(Exception):
    """This service has not applied the position the caller named within the time: 503."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"not yet at {wanted}")
        self.wanted = wanted


class TooLarge(Exception):
    """More bytes than are taken: 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"larger than {limit} bytes")
        self.limit = limit


class Unsupported(Exception):
    """A kind of file that is not taken: 415 with what was found, and what is taken."""

    def __init__(self, found: str, taken: Collection[str]) -> None:
        super().__init__(found)
        self.found = found
        self.taken = sorted(taken)


class Unavailable(Exception):
    """What this needs beside the database does not answer: 503."""
