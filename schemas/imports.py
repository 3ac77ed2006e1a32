"""A case that comes from another system: the body of `POST /v1/imports`, a line of an import file.

Owns its fields. What each mode does to the clocks is escalation's business.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.pack_clocks import Name
from schemas.report import Report
from schemas.vocabulary import ImportMode, Status


class Import(Report):
    """A report with where the case stood elsewhere.

    `historical`: the case as it was, with no clock ever; nobody is told. `resume`: clocks run on,
    with what `consumed` says is used up of each budget. `fresh`: taken as a report made now.
    """

    mode: ImportMode
    opened_at: AwareDatetime
    """When the other system opened the case."""
    status: Status = Status.OPEN
    consumed: Annotated[
        dict[Name, Annotated[timedelta, Field(ge=timedelta(0))]], Field(max_length=50)
    ] = {}
    """By clock, in the clock's own time: `PT2H` of business hours. Only with `resume`."""
