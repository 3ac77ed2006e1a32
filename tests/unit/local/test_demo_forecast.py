"""The demo's plots cover what they must, and the forecast says of them what the pack means."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from schemas.report import Report
from schemas.vocabulary import RungReason
from services.cli import demo as command
from services.local.demo.cast import FEWEST_CASES, Road
from services.local.demo.plots import read_plots
from tests.support.demo import forecasts, rules, script


def history(name: str) -> list[tuple[str, str, str]]:
    return [
        (entry.rung, entry.reason, entry.entered_at.strftime("%m-%d %H:%M"))
        for entry in forecasts()[name].history
    ]


def test_the_command_asks_for_as_many_cases_as_the_cast_has_at_least() -> None:
    assert command.FEWEST_CASES == FEWEST_CASES


def test_the_script_is_the_same_each_time() -> None:
    script.cache_clear()
    once = script()
    script.cache_clear()
    assert script() == once


def test_half_of_the_cases_come_by_kafka_and_every_plot_comes_by_both_roads() -> None:
    roads = [case.road for case in script().cases]
    assert roads.count(Road.KAFKA) == roads.count(Road.HTTP) == FEWEST_CASES / 2
    by_plot: dict[str, set[Road]] = {}
    for case in script(2 * len(read_plots().plots)).cases:
        by_plot.setdefault(case.plot.name, set()).add(case.road)
    assert all(roads == set(Road) for roads in by_plot.values())


def test_every_report_is_one_that_intake_takes() -> None:
    for case in script().cases:
        Report.model_validate(case.report)


def test_no_two_cases_share_customer_transaction_or_identity() -> None:
    reports = [case.report for case in script(200).cases]
    for keys in (
        {report["customer"]["id"] for report in reports},
        {report["transaction"]["id"] for report in reports},
        {(report["source"], report["external_id"]) for report in reports},
    ):
        assert len(keys) == 200


def test_every_rung_and_every_end_occurs() -> None:
    entered = {entry.rung for one in forecasts().values() for entry in one.history}
    assert entered == {rung.name for rung in rules().pack.ladder.rungs}
    ends = {one.status for one in forecasts().values()}
    assert ends == {"resolved", "closed", "withdrawn", "merged"}


def test_rungs_are_entered_for_every_reason_that_people_and_clocks_can_give() -> None:
    reasons = {entry.reason for one in forecasts().values() for entry in one.history}
    assert reasons == {
        RungReason.OPENED,
        RungReason.REOPENED,
        RungReason.FIRST_RESPONSE_MISSED,
        RungReason.RESOLUTION_MISSED,
        RungReason.ACKNOWLEDGEMENT_MISSED,
        RungReason.RUNG_BUDGET_SPENT,
        RungReason.CUSTOMER_ASKED,
        RungReason.AGENT_ASKED,
        RungReason.DE_ESCALATED,
        RungReason.PROMISE_BROKEN,
        RungReason.OFFER_ACCEPTED,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "social_silent-1",
            [
                ("frontline", "opened", "11-20 09:05"),
                ("senior", "first_response_missed", "11-20 09:20"),
                ("email", "acknowledgement_missed", "11-20 10:20"),
                ("social", "offer_accepted", "11-24 10:40"),
                ("regulator", "offer_accepted", "11-27 11:00"),
            ],
        ),
        (
            "out_of_hours-1",
            [
                ("frontline", "opened", "11-20 17:50"),
                ("senior", "first_response_missed", "11-23 09:05"),
            ],
        ),
        (
            "money_safety_ignored-1",
            [
                ("frontline", "opened", "11-20 09:05"),
                ("senior", "first_response_missed", "11-20 09:10"),
                ("email", "acknowledgement_missed", "11-20 09:20"),
            ],
        ),
        (
            "rung_budget_spent-1",
            [
                ("frontline", "opened", "11-20 09:05"),
                ("senior", "first_response_missed", "11-20 09:20"),
                ("email", "rung_budget_spent", "11-20 17:20"),
            ],
        ),
        (
            "resolution_missed-1",
            [
                ("frontline", "opened", "11-20 09:05"),
                ("senior", "resolution_missed", "11-20 17:05"),
            ],
        ),
    ],
)
def test_rungs_worked_out_by_hand(name: str, expected: list[tuple[str, str, str]]) -> None:
    assert history(name) == expected


def test_words_worked_out_by_hand() -> None:
    """A customer whose facts are waited for over lunch, in-app and by mail alike."""
    told = {template for template, _ in forecasts()["facts_provided-1"].told}
    assert told == {"case_received", "holder_changed", "customer_asked", "case_resolved"}
    assert set(forecasts()["facts_provided-1"].told.values()) == {1}


def test_a_customer_without_address_is_told_in_the_app_alone() -> None:
    assert {channel for _, channel in forecasts()["no_address-1"].told} == {"in_app"}


def test_the_promise_to_hear_from_us_is_counted_while_nobody_acts() -> None:
    hours = rules().calendars["service_hours"]
    reported = datetime.fromisoformat("2026-11-20T09:05+08:00")
    withdrawn = datetime.fromisoformat("2026-12-04T11:00+08:00")
    every_four_hours = hours.between(reported, withdrawn) // timedelta(hours=4)
    assert forecasts()["offers_expire-1"].told["case_delayed", "email"] == every_four_hours
