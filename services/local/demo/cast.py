"""Who plays in the demo: so many cases, each with a plot, a customer, a complaint and a road.

Owns the made-up people and transactions, all from one seed. Sends nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.pack import Pack
from schemas.vocabulary import Category, Lane
from services.local.demo.complaints import Complaint
from services.local.demo.plots import Instants, Plot, PlotBook

SEED: Final = 20261120
FEWEST_CASES: Final = 60
_NAMES: Final = {
    "zh": ("张三", "王小明", "李娜", "陈静", "刘强", "赵丽", "孙伟", "周敏"),
    "en": ("Alex Doe", "Robin Roe", "Sam Poe", "Kim Loe", "Jo Noe", "Pat Coe"),
}
_HOMES: Final = {"zh": ("zh-CN", "Asia/Shanghai"), "en": ("en", "America/New_York")}
_MONEY: Final = {"zh": "CNY", "en": "USD"}
_PHONES: Final = {"zh": "+861380000", "en": "+12025550"}


class Road(StrEnum):
    """How a report reaches intake."""

    HTTP = "http"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class DemoCase:
    """One case of the demo and the report that opens it (the body of `POST /v1/cases`)."""

    number: int
    copy: int
    plot: Plot
    complaint: Complaint
    wave_at: datetime
    road: Road
    report: dict[str, Any]

    @property
    def name(self) -> str:
        """How people call it, such as `social_declined-1`."""
        return f"{self.plot.name}-{self.copy}"

    @property
    def customer_id(self) -> str:
        """The customer's id, which no other case of the demo has."""
        return str(self.report["customer"]["id"])

    @property
    def email(self) -> str | None:
        """Where the customer gets mail."""
        address: str | None = self.report["customer"].get("email")
        return address

    @property
    def language(self) -> str:
        """In what language agents and customer speak."""
        return self.complaint.language


def cast(
    book: PlotBook, complaints: Sequence[Complaint], pack: Pack, count: int
) -> tuple[DemoCase, ...]:
    """So many cases: every plot in turn, each with the next fitting complaint, half by Kafka."""
    chance = random.Random(SEED)  # noqa: S311 (made-up amounts, nothing secret)
    instants = Instants(ZoneInfo(pack.time_zone))
    supply = _Supply(complaints, pack)
    made: list[DemoCase] = []
    for number in range(1, count + 1):
        copy, position = divmod(number - 1, len(book.plots))
        plot = book.plots[position]
        wave = plot.waves[copy % len(plot.waves)]
        wave_at = instants.read(book.waves[wave])
        # The copy counts too: an even number of plots would give a plot the same road each time.
        road = tuple(Road)[(number + copy) % 2]
        complaint = supply.next_for(plot)
        report = _report(number, plot, complaint, road, wave_at, chance)
        made.append(DemoCase(number, copy + 1, plot, complaint, wave_at, road, report))
    return tuple(made)


class _Supply:
    """Complaints, each used once before any is used again."""

    def __init__(self, complaints: Sequence[Complaint], pack: Pack) -> None:
        self._waiting = list(complaints)
        self._pack = pack

    def next_for(self, plot: Plot) -> Complaint:
        """The complaint that fits the plot and rested longest. Raises `LookupError`."""
        for complaint in self._waiting:
            if self._fits(plot, complaint):
                self._waiting.remove(complaint)
                self._waiting.append(complaint)
                return complaint
        raise LookupError(f"no complaint fits the plot {plot.name}")

    def _fits(self, plot: Plot, complaint: Complaint) -> bool:
        if plot.untold and not complaint.named_by_words(self._pack):
            return False
        if isinstance(plot.about, Lane):
            ordinary_group = complaint.category is not Category.APP_FAULT
            return ordinary_group and plot.about is self._pack.categories[complaint.category].lane
        return complaint.category is plot.about


def _report(
    number: int,
    plot: Plot,
    complaint: Complaint,
    road: Road,
    at: datetime,
    chance: random.Random,
) -> dict[str, Any]:
    external_id = f"demo-{number:04}"
    report: dict[str, Any] = {
        "source": "call-centre" if road is Road.HTTP else "wallet-backend",
        "external_id": external_id,
        "description": complaint.text,
        "occurred_at": at.isoformat(),
        "customer": dict(_customer(number, plot, complaint.language)),
        "contact": {
            "channel": "phone" if road is Road.HTTP else "app",
            "direction": "inbound",
            "external_id": external_id,
        },
        "transaction": {
            "id": f"tx-{number:05}",
            "at": (at - timedelta(minutes=chance.randrange(5, 600))).isoformat(),
            "amount": f"{chance.randrange(500, 500_000) / 100:.2f}",
            "currency": _MONEY[complaint.language],
            "counterparty": f"merchant-{chance.randrange(1, 90)}",
        },
        "facts": {"already_tried": "restarted the app"},
    }
    return report if plot.untold else report | {"category": complaint.category.value}


def _customer(number: int, plot: Plot, language: str) -> Iterator[tuple[str, Any]]:
    names = _NAMES[language]
    locale, zone = _HOMES[language]
    yield "id", f"cust-{number:04}"
    yield "name", names[number % len(names)]
    yield "locale", locale
    yield "time_zone", zone
    yield "phone", f"{_PHONES[language]}{number:04}"
    yield "identity_verified", True
    if not plot.without_email:
        yield "email", f"customer-{number:04}@example.com"
