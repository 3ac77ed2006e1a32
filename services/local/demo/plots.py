"""What may happen to a case in the demo: plots, as `plots.yaml` tells them.

Owns reading that file and what its short forms mean. Knows no case and carries nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter

from schemas.event import Model
from schemas.vocabulary import Category, Lane
from services.yaml_files import read_yaml

PLOTS_FILE: Final = Path(__file__).with_name("plots.yaml")
CUSTOMER: Final = "customer"
REPORT_AGAIN: Final = "report_again"
CHAT: Final = "chat"
_DURATION: Final[TypeAdapter[timedelta]] = TypeAdapter(timedelta)


class Step(Model):
    """Somebody does something. `with` is the body of the command beside `command` and `by`."""

    at: str
    by: str
    do: str
    body: Annotated[dict[str, Any], Field(alias="with")] = {}


class Plot(Model):
    """One course of events, played by one case in one of its waves."""

    name: str
    story: str
    waves: tuple[str, ...]
    about: Category | Lane = Lane.ORDINARY
    """Of what category or lane the complaint must be."""
    untold: bool = False
    """Whether the report leaves the category to triage."""
    without_email: bool = False
    steps: tuple[Step, ...]


class Agent(Model):
    """Somebody at the operator."""

    id: str
    name: str


class PlotBook(Model):
    """The whole of `plots.yaml`."""

    start: str
    end: str
    waves: dict[str, str]
    agents: dict[str, Agent]
    texts: dict[str, dict[str, str]]
    plots: tuple[Plot, ...]


@dataclass(frozen=True, slots=True)
class Instants:
    """Instants as the file writes them, in the zone of the pack."""

    zone: ZoneInfo

    def read(self, text: str, wave_at: datetime | None = None) -> datetime:
        """A local date and time, or a duration counted from the wave."""
        if wave_at is not None and text.startswith("P"):
            return wave_at + duration(text)
        return datetime.fromisoformat(text).replace(tzinfo=self.zone)


def duration(text: str) -> timedelta:
    """An ISO 8601 duration such as PT3M."""
    return _DURATION.validate_python(text)


def read_plots(file: Path = PLOTS_FILE) -> PlotBook:
    """The plots. Raises pydantic's `ValidationError` or `InvalidFileError`."""
    return PlotBook.model_validate(read_yaml(file).plain)


def spoken(body: Mapping[str, Any], texts: Mapping[str, Mapping[str, str]], language: str) -> Any:
    """The body of a step with each `$name` replaced by that text in this language."""
    return {
        name: texts[value[1:]][language]
        if isinstance(value, str) and value.startswith("$")
        else value
        for name, value in body.items()
    }
