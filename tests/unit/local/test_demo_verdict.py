"""The demo's judgement finds what is wrong: evidence as forecast, then with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.local.demo.evidence import CaseEvidence, Evidence
from services.local.demo.expected import Forecast
from services.local.demo.result import summed_up
from services.local.demo.verdict import Verdict, judge
from services.local.demo.watcher import Seen
from tests.support.demo import forecasts

NAME = "social_declined-1"
GROUP, MAILBOX = "senior", "senior@wallet.example"


def as_forecast(forecast: Forecast) -> Evidence:
    """What the services would show if all went as forecast."""
    return Evidence((_case(forecast),), _mails(forecast), _missed(forecast))


def _case(forecast: Forecast) -> CaseEvidence:
    history = [
        {
            "episode": entry.episode,
            "rung": entry.rung,
            "path": entry.rung,
            "visit": entry.visit,
            "reason": entry.reason,
            "entered_at": entry.entered_at.isoformat(),
            "due_at": entry.entered_at.isoformat() if "missed" in entry.reason else None,
            "retracted": False,
        }
        for entry in forecast.history
    ]
    return CaseEvidence(
        case=forecast.case,
        case_id="the-case",
        cases_of_customer=1,
        shown={
            "category": forecast.category,
            "status": forecast.status,
            "episode": forecast.episode,
            "contacts": [{}] * forecast.contacts,
        },
        ladder={
            "episode": forecast.episode,
            "rung": forecast.rung,
            "owner_group": forecast.owner_group,
            "holder": {"staff_number": forecast.holder} if forecast.holder else None,
            "state": "running" if forecast.ladder_runs else "stopped",
            "offers": [{"rung": rung} for rung in forecast.offers],
            "history": [dict(entry) for entry in history],
        },
        explained={"rungs": history},
        deliveries=_deliveries(forecast),
    )


def _deliveries(forecast: Forecast) -> list[dict[str, Any]]:
    return [
        {
            "key": f"{template}-{channel}-{number}",
            "event_id": f"{template}-{number}",
            "recipient": f"group:{GROUP}" if template.startswith("group_") else "customer",
            "channel": channel,
            "template": template,
            "status": "sent",
            "reason": "owed",
        }
        for (template, channel), count in forecast.told.items()
        for number in range(count)
    ]


def _mails(forecast: Forecast) -> list[dict[str, Any]]:
    return [
        {
            "to": [MAILBOX if one["recipient"] == f"group:{GROUP}" else forecast.case.email],
            "subject": {"en": "Your case", "zh": "您的案件"}[forecast.case.language],
            "headers": {"Message-ID": f"<{one['key']}@wallet.example>"},
        }
        for one in _deliveries(forecast)
        if one["channel"] == "email"
    ]


def _missed(forecast: Forecast) -> tuple[Seen, ...]:
    return tuple(
        Seen(str(number), "clock.missed", "the-case", None, {"lateness_ms": 10 * number})
        for number in range(forecast.clocks_missed)
    )


def judged(change: Callable[[Evidence], object] = lambda evidence: None) -> Verdict:
    evidence = as_forecast(forecasts()[NAME])
    change(evidence)
    return judge([forecasts()[NAME]], evidence, {GROUP: MAILBOX})


def test_what_goes_as_forecast_is_right() -> None:
    verdict = judged()
    assert verdict == Verdict()


def test_what_an_agent_is_told_goes_to_the_mailbox_of_a_group() -> None:
    def sent_to(address: str) -> Callable[[Evidence], object]:
        row = {
            "key": "brief", "event_id": "handed", "recipient": "agent:A1025", "channel": "email",
            "template": "holder_brief", "status": "sent", "reason": "owed",
        }  # fmt: skip
        mail = {
            "to": [address],
            "subject": "x",
            "headers": {"Message-ID": "<brief@wallet.example>"},
        }

        def change(evidence: Evidence) -> None:
            evidence.cases[0].deliveries.append(row)
            evidence.mails.append(mail)

        return change

    extra = "1 of holder_brief by email too many"  # this plot hands nothing over
    assert [d for d in judged(sent_to(MAILBOX)).differences if extra not in d] == []
    wrong = judged(sent_to("customer@example.com")).differences
    assert [d for d in wrong if "to no group's mailbox" in d]


def test_a_missing_case_is_lost() -> None:
    verdict = judge([forecasts()[NAME]], Evidence((), [], ()), {})
    assert verdict.lost > 0
    assert f"{NAME}: the case is missing" in verdict.differences


@pytest.mark.parametrize(
    ("part", "field", "wrong"),
    [
        ("shown", "status", "open"),
        ("shown", "category", "phishing"),
        ("shown", "episode", 7),
        ("shown", "contacts", []),
        ("ladder", "rung", "senior"),
        ("ladder", "owner_group", "nobody"),
        ("ladder", "holder", None),
        ("ladder", "state", "running"),
        ("ladder", "offers", [{"rung": "social"}]),
    ],
)
def test_a_wrong_field_is_a_difference(part: str, field: str, wrong: Any) -> None:
    def change(evidence: Evidence) -> None:
        getattr(evidence.cases[0], part)[field] = wrong

    assert len(judged(change).differences) == 1


def histories(evidence: Evidence) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rungs as the ladder shows and as it explains them."""
    return evidence.cases[0].ladder["history"], evidence.cases[0].explained["rungs"]


def test_a_rung_that_was_not_entered_is_lost() -> None:
    verdict = judged(lambda evidence: [history.pop(1) for history in histories(evidence)])
    assert (verdict.lost, len(verdict.differences)) == (1, 1)


def test_a_rung_entered_a_minute_late_is_lost_and_too_many() -> None:
    def change(evidence: Evidence) -> None:
        for history in histories(evidence):
            history[1]["entered_at"] = history[1]["due_at"] = "2026-11-20T09:21:00+08:00"

    verdict = judged(change)
    assert (verdict.lost, len(verdict.differences)) == (1, 2)


def test_a_rung_explained_as_due_at_another_instant_is_a_difference() -> None:
    def change(evidence: Evidence) -> None:
        evidence.cases[0].explained["rungs"][1]["due_at"] = "2026-11-20T09:19:00+08:00"

    assert len(judged(change).differences) == 1


def test_a_rung_without_explanation_is_a_difference() -> None:
    assert len(judged(lambda found: found.cases[0].explained["rungs"].pop()).differences) == 1


@pytest.mark.parametrize("template", ["case_received", "group_brief"])
def test_a_mail_to_somebody_else_is_a_difference(template: str) -> None:
    def change(evidence: Evidence) -> None:
        mails = [one for one in evidence.mails if f"<{template}" in one["headers"]["Message-ID"]]
        mails[0]["to"] = ["stranger@example.com"]

    assert len(judged(change).differences) == 1


def test_a_mail_in_another_language_is_a_difference() -> None:
    def change(evidence: Evidence) -> None:
        for mail in evidence.mails:
            if "<case_received" in mail["headers"]["Message-ID"]:
                mail["subject"] = {"en": "您的案件", "zh": "Your case"}[
                    evidence.cases[0].case.language
                ]

    assert len(judged(change).differences) == 1


def test_a_retracted_rung_is_a_difference() -> None:
    def change(evidence: Evidence) -> None:
        evidence.cases[0].ladder["history"][1]["retracted"] = True

    assert judged(change).differences == [f"{NAME}: a rung was retracted"]


def test_a_delivery_that_never_left_is_lost() -> None:
    def change(evidence: Evidence) -> None:
        in_app = [one for one in evidence.cases[0].deliveries if one["channel"] == "in_app"]
        in_app[0]["status"] = "failed"

    verdict = judged(change)
    assert (verdict.lost, len(verdict.differences)) == (1, 2)


def test_a_mail_that_did_not_arrive_is_lost() -> None:
    verdict = judged(lambda evidence: evidence.mails.pop())
    assert (verdict.lost, len(verdict.differences)) == (1, 1)


def test_a_mail_that_nobody_owed_is_a_difference() -> None:
    stray = {"headers": {"message-id": "<stray@wallet.example>"}}
    verdict = judged(lambda evidence: evidence.mails.append(stray))
    assert (verdict.lost, verdict.resent, len(verdict.differences)) == (0, 0, 1)


def test_the_same_mail_twice_is_resent_and_no_difference() -> None:
    verdict = judged(lambda evidence: evidence.mails.append(evidence.mails[0]))
    assert verdict == Verdict(resent=1)


def test_two_keys_for_one_event_recipient_and_channel_are_a_duplicate() -> None:
    def change(evidence: Evidence) -> None:
        deliveries = evidence.cases[0].deliveries
        first, second = [one for one in deliveries if one["template"] == "case_delayed"][:2]
        second["event_id"] = first["event_id"]

    verdict = judged(change)
    assert (verdict.duplicates, len(verdict.differences)) == (1, 1)


@pytest.mark.parametrize(("count", "lost"), [(-1, 1), (1, 0)])
def test_each_clock_is_missed_once(count: int, lost: int) -> None:
    evidence = as_forecast(forecasts()[NAME])
    missed = (*evidence.missed, evidence.missed[0])[: len(evidence.missed) + count]
    changed = Evidence(evidence.cases, evidence.mails, missed)
    verdict = judge([forecasts()[NAME]], changed, {GROUP: MAILBOX})
    assert (verdict.lost, len(verdict.differences)) == (lost, 1)


def test_a_clock_that_fired_late_counts_unless_services_were_killed() -> None:
    evidence = as_forecast(forecasts()[NAME])
    evidence.missed[-1].data["lateness_ms"] = 1001
    assert summed_up(evidence, judged(), disturbed=False).late == 1
    assert not summed_up(evidence, judged(), disturbed=False).is_right
    assert summed_up(evidence, judged(), disturbed=True).is_right


def test_percentiles_are_by_nearest_rank() -> None:
    evidence = as_forecast(forecasts()[NAME])
    lags = sorted(seen.data["lateness_ms"] for seen in evidence.missed)
    result = summed_up(evidence, judged(), disturbed=False)
    assert result.timer_lag_ms["max"] == lags[-1]
    assert result.timer_lag_ms["p50"] == lags[(len(lags) + 1) // 2 - 1]
