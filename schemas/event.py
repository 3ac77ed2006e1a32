"""The base of every event's data: which fields are private, and how they split and join.

Owns the mark `PRIVATE` and the registry of event types. Knows no cipher: the kit seals the
private half and hands it back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

PREFIX: Final = "recourse."
_JSON: Final = ConfigDict(ser_json_timedelta="iso8601")


class _Private:
    """The mark of a field that travels and rests sealed under its subject's key."""

    def __repr__(self) -> str:
        return "PRIVATE"


PRIVATE: Final = _Private()


class Model(BaseModel):
    """A frozen value of the contract: unknown fields are refused where people write them."""

    model_config = ConfigDict(frozen=True, extra="forbid", **_JSON)


class EventData(BaseModel):
    """The value of one event. Readers ignore fields they don't know (rolling upgrades)."""

    model_config = ConfigDict(frozen=True, extra="ignore", **_JSON)

    event_name: ClassVar[str] = ""
    event_version: ClassVar[int] = 1

    @classmethod
    @cache
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

    @classmethod
    @cache
    def _in_order(cls) -> tuple[str, ...]:
        """The private fields as they are declared: an event has the same bytes in every process."""
        return tuple(name for name in cls.model_fields if name in cls.private_fields())

    def halves(self) -> tuple[bytes, bytes | None]:
        """What `split` gives, as JSON; None where nothing is private."""
        write_public, write_private = self._writers()
        said = {
            name: value for name in self._in_order() if not _is_empty(value := getattr(self, name))
        }
        return write_public(self.__dict__), write_private(said) if said else None

    @classmethod
    @cache
    def _writers(cls) -> tuple[Callable[[Any], bytes], Callable[[Any], bytes]]:
        """What writes the public and the private fields of this type, each knowing no other.

        A serializer of its own for each half costs a third of dumping to a dict and then to JSON.
        """
        private = cls.private_fields()
        kinds = {name: field.rebuild_annotation() for name, field in cls.model_fields.items()}
        halves = [
            {name: kind for name, kind in kinds.items() if (name in private) is wanted}
            for wanted in (False, True)
        ]
        public, hidden = (_writer(cls.__name__, half) for half in halves)
        return public, hidden

    def split(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The public and the private half, both JSON-ready; empty private fields are left out."""
        data = self.model_dump(mode="json")
        private = {name: data.pop(name) for name in self._in_order() if name in data}
        return data, {name: value for name, value in private.items() if value not in (None, {}, [])}


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, dict | list | tuple) and not value)


def _writer(name: str, kinds: dict[str, Any]) -> Callable[[Any], bytes]:
    made_now: Any = TypedDict
    fields = with_config(_JSON)(made_now(name, kinds, total=False))
    return TypeAdapter(fields).serializer.to_json
