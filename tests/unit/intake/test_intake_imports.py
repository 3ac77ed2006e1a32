"""A case of another system comes in by its mode, once, or is refused at the field at fault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.case import CaseOpened, PackPin
from schemas.imports import Import
from schemas.vocabulary import ImportMode, Status
from services.intake.core.bring_in import bring_in
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused
from services.intake.core.state import Case, Policies, Policy
from services.packs import DEFAULT_PACK, load_pack
from tests.support.cases import NOW, SUBJECT, names, refused, report_body, taken
from tests.unit.intake.test_intake_admit import RECEIPT, admitted

OPENED_AT = "2026-11-17T15:00:00+08:00"
STATUTORY = Path(__file__).parents[2] / "data" / "packs" / "statutory"


def policies(path: Path = DEFAULT_PACK) -> Policies:
    loaded = load_pack(path)
    pin = PackPin(name=loaded.pack.name, version=loaded.pack.version, digest=loaded.digest)
    policy = Policy(pin, loaded.pack)
    return Policies((policy,), {pin.digest: policy})


def brought(
    mode: str,
    known: Case | None = None,
    candidates: Sequence[Case] = (),
    pack: Path = DEFAULT_PACK,
    **changes: Any,
) -> Outcome | Refused:
    body = {**report_body(), "mode": mode, "opened_at": OPENED_AT, **changes}
    return bring_in(
        Import.model_validate(body),
        subject=SUBJECT,
        known=known,
        candidates=candidates,
        policies=policies(pack),
        now=NOW,
    )


def opening(outcome: Outcome) -> CaseOpened:
    event = outcome.events[0]
    assert isinstance(event, CaseOpened)
    return event


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.MERGED])
def test_history_comes_in_as_it_was(status: Status) -> None:
    outcome = taken(brought("historical", status=status, evidence=[RECEIPT]))
    case, event = outcome.case, opening(outcome)
    assert names(outcome) == ["case.opened", "evidence.added"]
    assert (case.status, case.opened_at) == (status, datetime.fromisoformat(OPENED_AT))
    assert (event.status, event.import_mode) == (status, ImportMode.HISTORICAL)
    assert event.started_at == event.opened_at == datetime.fromisoformat(OPENED_AT)
    assert case.stands_still()


def test_a_running_case_brings_its_used_budget_along() -> None:
    consumed = {"resolution": "PT2H30M", "update": "PT0S"}
    outcome = taken(brought("resume", status="waiting_customer", consumed=consumed))
    event = opening(outcome)
    assert event.consumed == {"resolution": timedelta(hours=2.5), "update": timedelta(0)}
    assert event.split()[0]["consumed"] == {"resolution": "PT2H30M", "update": "PT0S"}
    assert outcome.case.status is Status.WAITING_CUSTOMER
    assert not outcome.case.stands_still()


def test_a_fresh_import_is_a_report_like_any_other() -> None:
    first = taken(brought("fresh"))
    assert first.case.opened_at == NOW
    assert opening(first).started_at == datetime.fromisoformat("2026-11-20T09:58:00+08:00")
    joined = taken(brought("fresh", candidates=[first.case], external_id="other"))
    assert (joined.reason, joined.case.id) == (Reason.COLLAPSED, first.case.id)


@pytest.mark.parametrize("mode", ["historical", "resume"])
def test_other_imports_are_cases_of_their_own_and_known_again(mode: str) -> None:
    first = taken(brought("resume"))
    outcome = taken(brought(mode, candidates=[first.case], external_id="other"))
    assert (outcome.reason, outcome.case.id == first.case.id) == (Reason.OPENED, False)
    again = taken(brought(mode, known=first.case))
    assert (again.reason, again.events) == (Reason.KNOWN, ())


def test_a_report_never_joins_a_case_without_clocks() -> None:
    history = taken(brought("historical")).case
    reported = taken(admitted(candidates=[history], external_id="new"))
    assert reported.reason is Reason.OPENED


@pytest.mark.parametrize(
    ("mode", "changes", "reason", "pointer"),
    [
        ("historical", {"status": "merged"}, Refusal.STATUS_NOT_IMPORTED, "/status"),
        ("resume", {"status": "closed"}, Refusal.STATUS_NOT_IMPORTED, "/status"),
        ("fresh", {"status": "waiting_customer"}, Refusal.STATUS_NOT_IMPORTED, "/status"),
        ("fresh", {"consumed": {"update": "PT1H"}}, Refusal.NOT_RESUMED, "/consumed"),
        ("resume", {"consumed": {"x": "PT1H"}}, Refusal.UNKNOWN_CLOCK, "/consumed/x"),
        (
            "resume",
            {"opened_at": "2027-01-01T00:00:00Z"},
            Refusal.OCCURRED_IN_THE_FUTURE,
            "/opened_at",
        ),
        ("resume", {"opened_at": "1999-01-01T00:00:00Z"}, Refusal.OCCURRED_TOO_EARLY, "/opened_at"),
        (
            "historical",
            {"occurred_at": "2027-01-01T00:00:00Z"},
            Refusal.OCCURRED_IN_THE_FUTURE,
            "/occurred_at",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    mode: str, changes: dict[str, Any], reason: Refusal, pointer: str
) -> None:
    found = refused(brought(mode, **changes))
    assert (found.reason, found.pointer) == (reason, pointer)


@pytest.mark.parametrize("clock", ["final_response", "acknowledgement_letter"])
def test_what_the_law_counts_brings_nothing_along(clock: str) -> None:
    found = refused(brought("resume", pack=STATUTORY, consumed={clock: "PT1H"}))
    assert (found.reason, found.pointer) == (Refusal.RUNS_FROM_ITS_START, f"/consumed/{clock}")


@pytest.mark.parametrize("consumed", [{"update": "-PT1H"}, {"update": "soon"}, {"Up Date": "PT1H"}])
def test_a_used_budget_is_a_duration_of_a_clock(consumed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="consumed"):
        brought("resume", consumed=consumed)
