"""What really happened, as anybody can ask it of the stack: cases, ladders, deliveries, mails.

Owns the questions. Compares nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.local.demo.cast import DemoCase
from services.local.demo.client import Api, UnexpectedAnswerError
from services.local.demo.watcher import Seen

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class CaseEvidence:
    """One case as the three services show it."""

    case: DemoCase
    case_id: str
    cases_of_customer: int
    shown: dict[str, Any]
    ladder: dict[str, Any]
    explained: dict[str, Any]
    deliveries: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All cases, every mail that arrived, and every missed clock as topic `escalations` tells it.

    The events and not `explain`, which shows only the newest runs of a clock.
    """

    cases: tuple[CaseEvidence, ...]
    mails: list[dict[str, Any]]
    missed: tuple[Seen, ...]

    def lags_ms(self) -> list[int]:
        """Real milliseconds after its due instant at which each clock was acted upon."""
        return [seen.data["lateness_ms"] for seen in self.missed]


async def gather_evidence(
    api: Api, ids: Mapping[str, str], cases: Iterable[DemoCase], missed: Sequence[Seen]
) -> Evidence:
    """Asks about each case that got an id; one that a service does not know is left out."""
    known = [case for case in cases if case.name in ids]
    found = await asyncio.gather(*(_of_case(api, case, ids[case.name]) for case in known))
    return Evidence(
        cases=tuple(one for one in found if one is not None),
        mails=await api.get("/local/mail"),
        missed=tuple(missed),
    )


async def _of_case(api: Api, case: DemoCase, case_id: str) -> CaseEvidence | None:
    try:
        return await _asked(api, case, case_id)
    except UnexpectedAnswerError:
        return None


async def _asked(api: Api, case: DemoCase, case_id: str) -> CaseEvidence:
    same_customer = await api.items("/v1/cases", {"customer": case.customer_id})
    return CaseEvidence(
        case=case,
        case_id=case_id,
        cases_of_customer=len(same_customer),
        shown=await api.get(f"/v1/cases/{case_id}"),
        ladder=await api.get(f"/v1/ladders/{case_id}"),
        explained=await api.get(f"/v1/ladders/{case_id}/explain"),
        deliveries=await api.items("/v1/deliveries", {"case_id": case_id, "limit": _PAGE}),
    )
