"""The base of every event's data: which fields are private, and how they split and join.

Owns the mark `PRIVATE` and the registry of event types. Knows no cipher: the kit seals the
private half and hands it back.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict

PREFIX: Final = "recourse."


class _Private:
    """The mark of a field that travels and rests sealed under its subject's key."""

    def __repr__(self) -> str:
        return "PRIVATE"


PRIVATE: Final = _Private()


class Model(BaseModel):
    """A frozen value of the contract: unknown fields are refused where people write them."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601")


class EventData(BaseModel):
    """The value of one event. Readers ignore fields they don't know (rolling upgrades)."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601")

    event_name: ClassVar[str] = ""
    event_version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents `type`, such as `recourse.case.opened.v1`."""
        return f"{PREFIX}{cls.event_name}.v{cls.event_version}"

    @classmethod
    @cache
    def private_fields(cls) -> frozenset[str]:
        """The names of the top-level fields that must be sealed."""
        return frozenset(
            name for name, field in cls.model_fields.items() if PRIVATE in field.metadata
        )

    def split(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The public and the private half, both JSON-ready; empty private fields are left out."""
        data = self.model_dump(mode="json")
        names = self.private_fields()
        private = {name: data.pop(name) for name in names if name in data}
        return data, {name: value for name, value in private.items() if value not in (None, {}, [])}
