"""Where a simulated clock goes: what was asked, and the stops on the way. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, ValidationError

_STEPS: Final = 'either "advance" (an ISO 8601 duration) or "to" (an ISO 8601 instant)'


class BadClockRequest(ValueError):
    """The body asks for nothing that a clock can do; `errors` has pointers and details."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(error["detail"] for error in errors))
        self.errors = errors


class ClockGoesBack(ValueError):
    """The clock was asked to go back, which it never does."""


def _duration_text(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip("+-").startswith("P"):
        raise ValueError("an ISO 8601 duration is wanted, such as PT15M")
    return value


def _instant_text(value: object) -> object:
    if not isinstance(value, str) or "T" not in value:
        raise ValueError("an ISO 8601 instant with offset is wanted")
    return value


class _ClockRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance: Annotated[timedelta, BeforeValidator(_duration_text)] | None = None
    to: Annotated[AwareDatetime, BeforeValidator(_instant_text)] | None = None


def clock_target(body: Any, now: datetime) -> datetime:
    """The instant that a request body asks for, in the offset of `to` or else of `now`.

    Raises BadClockRequest, and ClockGoesBack when it lies before `now`.
    """
    try:
        asked = _ClockRequest.model_validate(body)
    except ValidationError as error:
        raise BadClockRequest([_pointed(detail) for detail in error.errors()]) from error
    if (asked.advance is None) == (asked.to is None):
        raise BadClockRequest([{"pointer": "", "detail": _STEPS}])
    try:
        target = asked.to if asked.to is not None else now + (asked.advance or timedelta())
    except OverflowError as error:
        errors = [{"pointer": "/advance", "detail": "goes past the last possible instant"}]
        raise BadClockRequest(errors) from error
    if target < now:
        raise ClockGoesBack(f"the clock stands at {now.isoformat()} and never goes back")
    return target


def next_stop(now: datetime, target: datetime, dues: Iterable[datetime | None]) -> datetime | None:
    """The earliest instant after `now` and not after `target` at which something is due.

    With nothing due between it is the target itself; None when the clock has arrived. What is due
    at `now` or before does not count: whoever has it says so by being busy, or has put it off.
    """
    if now >= target:
        return None
    between = [due for due in dues if due is not None and now < due < target]
    return min(between, default=target)


def _pointed(detail: Any) -> dict[str, str]:
    pointer = "".join(f"/{part}" for part in detail["loc"][:1])
    return {"pointer": pointer, "detail": detail["msg"].removeprefix("Value error, ")}
