"""Own vectors, counted by hand from the text of the rules: each clock that the oracle's file here
has no vector for, and the edges (last second of the last day, one second late, restarts, stops)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from schemas.regime import SourceStatus
from services.escalation.core.statutes import Finding, Status
from services.regimes import shipped_regimes
from tests.oracles.statutory import by_every_name, date_named, found_for

DOCUMENT = json.loads(
    (Path(__file__).parents[2] / "oracles" / "data" / "regulatory.json").read_text(encoding="utf-8")
)
ZONES = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CN": "Asia/Shanghai",
    "EU": "Europe/Berlin",
    "IN": "Asia/Kolkata",
    "SG": "Asia/Singapore",
    "UK": "Europe/London",
    "US": "America/New_York",
}
CALENDARS = {
    "AU": "AU-NSW",
    "BR": "BR-BANK",
    "CN": "CN",
    "EU": "EU-TARGET",
    "IN": "NONE",
    "SG": "SG",
    "UK": "UK-EW",
    "US": "US-FED",
}


class Case(NamedTuple):
    """A complaint; instants are local ones of the regime's country."""

    regime: str
    received: str
    expected: Mapping[str, str | bool | int]
    facts: Mapping[str, str | bool] = {}
    acts: tuple[tuple[str, str], ...] = ()
    calendar: str = ""
    clause: str = ""


def found(case: Case) -> dict[str, Finding]:
    country = case.regime[:2]
    zone = ZONES[country]

    def instant(text: str) -> str:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).isoformat()

    plain = {
        "regime": case.regime,
        "tz": zone,
        "received_at": instant(case.received),
        "calendar": case.calendar or CALENDARS[country],
        "clause": case.clause,
        "facts": dict(case.facts),
        "events": [{"type": act, "at": instant(at)} for act, at in case.acts],
    }
    return by_every_name(found_for(plain, DOCUMENT["calendars"]))


HOLDING, CREDIT = "holding_response_sent", "provisional_credit_posted"

CASES = {
    # Fri 24 Apr; Sat, Sun, Mon 27 Apr off; Tue 28.
    "anzac": Case("AU-RG271", "2026-04-24 16:00", {"acknowledge_1bd": "2026-04-28"}),
    # Thu 2 Apr; 3 and 6 off; 7=1, 8=2, 9=3, 10=4, 13=5. 30 days: 28 to 30 Apr, 30 = 2 May.
    "easter": Case(
        "AU-RG271",
        "2026-04-02 09:00",
        {"no_idr_response_window": "2026-04-13", "idr_response": "2026-05-02"},
    ),
    # Thu 12 Feb: 13=1, Carnival 16 and 17 off, 18-20=4, 23-27=9, Mon 2 Mar=10.
    # Twice as much: 3-6=14, 9-13=19, 16 Mar=20.
    "carnival": Case(
        "BR-OUVIDORIA",
        "2026-02-12 10:00",
        {"ouvidoria_reply": "2026-03-02", "ouvidoria_reply_extended": "2026-03-16"},
        acts=(("extension_approved", "2026-03-02 23:59:59"),),
    ),
    "carnival, approved a second late": Case(
        "BR-OUVIDORIA",
        "2026-02-12 10:00",
        {"ouvidoria_reply_extended": "2026-03-02"},
        acts=(("extension_approved", "2026-03-03 00:00"),),
    ),
    # 1-7 Oct off; 8=1, 9=2, Sat 10=3 (made up), 12-15=7.
    "national day": Case("CN-12315", "2026-09-30 10:00", {"accept_decision": "2026-10-15"}),
    # 28 to 31 Aug, 58 to 30 Sep, 60 = Fri 2 Oct, National Day; the next working day is Thu 8 Oct.
    # 30: 28 to 31 Aug, 30 = 2 Sep. 15: 18 Aug.
    "specially complex": Case(
        "CN-NFRA-COMPLAINT",
        "2026-08-03 10:00",
        {
            "decision": "2026-08-18",
            "decision_complex": "2026-09-02",
            "decision_specially_complex": "2026-10-02",
            "decision_specially_complex_rolled": "2026-10-08",
        },
        acts=(
            ("extended_complex", "2026-08-18 23:59"),
            ("extended_specially_complex", "2026-09-02 10:00"),
        ),
    ),
    # New facts on the last day itself count anew: 16 Jun + 15 = 1 Jul.
    "new facts on the last day": Case(
        "CN-NFRA-COMPLAINT",
        "2026-06-01 10:00",
        {"decision": "2026-07-01"},
        acts=(("new_facts_received", "2026-06-16 23:59:59"),),
    ),
    "new facts a second late revive nothing": Case(
        "CN-NFRA-COMPLAINT",
        "2026-06-01 10:00",
        {"decision": "2026-06-16"},
        acts=(("new_facts_received", "2026-06-17 00:00"),),
    ),
    # 26 to 28 Feb, 57 to 31 Mar, 60 = 3 Apr.
    "approved on the last day": Case(
        "CN-PBOC-COMPLAINT",
        "2026-02-02 10:00",
        {"reply_to_complainant": "2026-02-17", "reply_extended_max": "2026-04-03"},
        acts=(("extension_approved", "2026-02-17 23:59:59"),),
    ),
    "approved too late": Case(
        "CN-PBOC-COMPLAINT",
        "2026-02-02 10:00",
        {"reply_extended_max": "2026-02-17"},
        acts=(("extension_approved", "2026-02-18 00:00"),),
    ),
    # Corrections complete on Wed 25 Feb: 26=1, 27=2, Sat 28=3 (made up), Mar 2-5=7.
    "corrections": Case(
        "CN-PBOC-BRANCH",
        "2026-02-11 09:00",
        {"accept_and_forward": "2026-03-05"},
        acts=(
            ("correction_requested", "2026-02-12 10:00"),
            ("correction_completed", "2026-02-25 10:00"),
        ),
    ),
    # Asked for after the seventh working day (Fri 27 Feb) had passed.
    "corrections asked for too late": Case(
        "CN-PBOC-BRANCH",
        "2026-02-11 09:00",
        {"accept_and_forward": "2026-02-27"},
        acts=(
            ("correction_requested", "2026-02-28 10:00"),
            ("correction_completed", "2026-03-02 10:00"),
        ),
    ),
    # Mon 2 Mar: 3-6=4, 9-13=9, 16-20=14, 23=15; 24-27=19, 30-2 Apr=23, 3 and 6 off, 7-10=27,
    # 13-17=32, 20-22=35.
    "held in the last second": Case(
        "EU-PSD2-101",
        "2026-03-02 10:00",
        {"reply": "2026-03-23", "final_reply_exceptional": "2026-04-22"},
        acts=((HOLDING, "2026-03-23 23:59:59"),),
    ),
    "held a second late": Case(
        "EU-PSD2-101",
        "2026-03-02 10:00",
        {"reply": "2026-03-23", "final_reply_exceptional": "2026-03-23"},
        acts=((HOLDING, "2026-03-24 00:00"),),
    ),
    # Fri 27 Mar: 30-2 Apr=4, 3 and 6 off, 7-10=8, 13=9, 14=10. Window: 26/54/56 from 5 Jan = 2 Mar.
    "asked too late": Case(
        "EU-PSD2-77",
        "2026-03-27 00:00",
        {"request_timely": False, "refund_or_refuse": "2026-04-14"},
        facts={"debit_date": "2026-01-05"},
    ),
    # T+5 = 15 Mar, reversed on the 18th: three days. UTC already says the 18th half a day before.
    "late reversal": Case(
        "IN-RBI-TAT",
        "2026-03-10 09:00",
        {"auto_reversal": "2026-03-15", "compensation_inr": 300},
        acts=(("reversal_completed", "2026-03-18 00:10"),),
    ),
    "reversed on the last day": Case(
        "IN-RBI-TAT",
        "2026-03-10 09:00",
        {"compensation_inr": 0},
        acts=(("reversal_completed", "2026-03-15 23:59:59"),),
    ),
    "a transfer": Case(
        "IN-RBI-TAT",
        "2026-02-28 09:00",
        {"auto_reversal": "2026-03-01", "compensation_inr": 100},
        acts=(("reversal_completed", "2026-03-02 12:00"),),
        clause="Annex 4(a)",
    ),
    # A year, then 30 days: 31 Mar 2027 + 30 = 30 Apr 2027.
    "ombudsman 2021, silence": Case(
        "IN-RBIOS", "2026-03-31 11:00", {"ombudsman_last_day": "2027-04-30"}
    ),
    "ombudsman 2021, reply": Case(
        "IN-RBIOS",
        "2026-06-30 23:59",
        {"ombudsman_opens": "2026-07-10", "ombudsman_last_day": "2027-07-10"},
        acts=(("final_response_sent", "2026-07-10 10:00"),),
    ),
    # 19:00 in UTC on 30 June is 1 July in Kolkata. 30 to 31 Jul, 61, 91 to 30 Sep, 120 = 29 Oct.
    "ombudsman 2026, silence": Case(
        "IN-RBIOS",
        "2026-06-30T19:00+00:00",
        {
            "re_reply": "2026-07-31",
            "ombudsman_opens": "2026-08-01",
            "ombudsman_last_day": "2026-10-29",
        },
    ),
    # 21 to 31 Jul, 52 to 31 Aug, 82 to 30 Sep, 90 = 8 Oct.
    "ombudsman 2026, reply": Case(
        "IN-RBIOS",
        "2026-07-01 10:00",
        {"ombudsman_last_day": "2026-10-08"},
        acts=(("final_response_sent", "2026-07-10 10:00"),),
    ),
    # Fri 30 Jan: Feb 2-6=5, 9-13=10, 16=11, 17 and 18 off, 19-20=13, 23-27=18, Mar 2-4=21.
    "new year": Case("SG-EUPG", "2026-01-30 10:00", {"investigation_final": "2026-03-04"}),
    # Mar 5-6=23, 9-13=28, 16-20=33, 23-27=38, 30-2 Apr=42, Good Friday off, 6-8 Apr=45.
    "complex": Case(
        "SG-EUPG",
        "2026-01-30 10:00",
        {"investigation_final": "2026-04-08"},
        acts=(("extended_complex", "2026-02-27 10:00"),),
    ),
    # 2 used (3, 4 Mar); resumed on Wed 11, the other 3: 12, 13, 16.
    "stopped clock": Case(
        "UK-APP",
        "2026-03-02 10:00",
        {"reimburse": "2026-03-16", "stop_clock_outer_limit": "2026-04-22"},
        acts=(("clock_stopped", "2026-03-04 10:00"), ("clock_resumed", "2026-03-11 10:00")),
    ),
    # 3=1 (stopped), resumed on the 5th, 6=2, 9=3 (stopped), resumed on the 11th, 12=4, 13=5.
    "stopped twice": Case(
        "UK-APP",
        "2026-03-02 10:00",
        {"reimburse": "2026-03-13"},
        acts=(
            ("clock_stopped", "2026-03-03 10:00"),
            ("clock_resumed", "2026-03-05 10:00"),
            ("clock_stopped", "2026-03-09 10:00"),
            ("clock_resumed", "2026-03-11 10:00"),
        ),
    ),
    "stopped for good": Case(
        "UK-APP",
        "2026-03-02 10:00",
        {"reimburse": "2026-04-22"},
        acts=(("clock_stopped", "2026-03-09 23:59"),),
    ),
    "stopped beyond the limit": Case(
        "UK-APP",
        "2026-03-02 10:00",
        {"reimburse": "2026-04-22"},
        acts=(("clock_stopped", "2026-03-04 10:00"), ("clock_resumed", "2026-06-01 10:00")),
    ),
    # 3-6=4, 9=5; a stop after that changes nothing.
    "stopped too late": Case(
        "UK-APP",
        "2026-03-02 10:00",
        {"reimburse": "2026-03-09"},
        acts=(("clock_stopped", "2026-03-10 00:00"), ("clock_resumed", "2026-03-12 10:00")),
    ),
    "uk holding in time": Case(
        "UK-DISP-PSD",
        "2026-03-02 10:00",
        {"final_response": "2026-03-23", "final_response_exceptional": "2026-04-22"},
        acts=((HOLDING, "2026-03-23 23:59:59"),),
    ),
    # After 29 Mar London is an hour ahead of UTC: 23:30Z is the next day. Received Wed 25 Mar:
    # 26, 27=2, 30-2 Apr=6, 7-10=10, 13-17=15. 23:30Z on the 17th is 00:30 on the 18th: late.
    "uk holding late by summer time": Case(
        "UK-DISP-PSD",
        "2026-03-25 10:00",
        {"final_response": "2026-04-17", "final_response_exceptional": "2026-04-17"},
        acts=((HOLDING, "2026-04-17T23:30+00:00"),),
    ),
    "fos after silence": Case(
        "UK-FOS-OPEN", "2026-03-02 10:00", {"fos_referral_opens": "2026-03-24"}
    ),
    "fos after a late holding response": Case(
        "UK-FOS-OPEN",
        "2026-03-02 10:00",
        {"fos_referral_opens": "2026-03-24"},
        acts=((HOLDING, "2026-03-24 00:00"),),
    ),
    "fos after the final response": Case(
        "UK-FOS-OPEN",
        "2026-03-02 10:00",
        {"fos_referral_opens": "2026-04-01"},
        acts=((HOLDING, "2026-03-20 10:00"), ("final_response_sent", "2026-04-01 10:00")),
    ),
    # Eight weeks after Tue 6 Jan: Tue 3 Mar, so from 4 Mar.
    "fos for another complaint": Case(
        "UK-FOS-OPEN",
        "2026-01-06 10:00",
        {"fos_referral_opens": "2026-03-04"},
        facts={"payment_services": False},
    ),
    "six months to a shorter month": Case(
        "UK-FOS-6M",
        "2026-06-01 10:00",
        {"fos_referral_last_day": "2027-02-28"},
        acts=(("final_response_sent", "2026-08-31 10:00"),),
    ),
    # 2 Feb: 26 to 28 Feb, 56 = 30 Mar. Thu 30 Apr: May 1=1, 4 off, 5-8=5, 11-15=10.
    "payee": Case(
        "UK-PSR-PAYEE-REFUND",
        "2026-04-30 10:00",
        {"request_window": "2026-03-30", "refund_or_refuse": "2026-05-15"},
        facts={"debit_date": "2026-02-02"},
    ),
    # Wed 25 Nov; Thanksgiving; Fri 27.
    "correct": Case(
        "US-REG-E",
        "2026-11-16 09:00",
        {"correct_error": "2026-11-27", "report_results": "2026-12-01"},
        acts=(("error_determined", "2026-11-25 23:59"),),
    ),
    # The Fed works on Fri 3 Jul 2026: 2 Jul, 3=1, 6=2; completed on the 3rd: 6, 7, 8.
    "independence day": Case(
        "US-REG-E",
        "2026-06-22 09:00",
        {"notify_provisional_credit": "2026-07-06", "report_results": "2026-07-08"},
        acts=((CREDIT, "2026-07-02 09:00"), ("investigation_completed", "2026-07-03 09:00")),
    ),
    # Observed on the 3rd by the federal government: 6=1, 7=2.
    "independence day observed": Case(
        "US-REG-E",
        "2026-06-22 09:00",
        {"notify_provisional_credit": "2026-07-07"},
        acts=((CREDIT, "2026-07-02 09:00"),),
        calendar="US-OPM",
    ),
    # 30 days after the first deposit: 20 business days. 2-4=3, 8-11=7, 14-18=12, 21-25=17,
    # 28-30=20; 90 days = 30 Nov.
    "thirtieth day": Case(
        "US-REG-E",
        "2026-09-01 10:00",
        {"determine_or_provisional_credit": "2026-09-30", "investigation_final": "2026-11-30"},
        facts={"account_first_deposit": "2026-08-01", "eft_date": "2026-08-31"},
    ),
    # 31 days: ten business days (16 Sep) and 45 days (29 to 30 Sep, 45 = 16 Oct).
    "thirty-first day": Case(
        "US-REG-E",
        "2026-09-01 10:00",
        {"determine_or_provisional_credit": "2026-09-16", "investigation_final": "2026-10-16"},
        facts={"account_first_deposit": "2026-08-01", "eft_date": "2026-09-01"},
    ),
    "credited in the last second": Case(
        "US-REG-E",
        "2026-09-01 10:00",
        {"investigation_final": "2026-10-16"},
        acts=((CREDIT, "2026-09-16 23:59:59"),),
    ),
    "credited a second late": Case(
        "US-REG-E",
        "2026-09-01 10:00",
        {"investigation_final": "2026-09-16"},
        acts=((CREDIT, "2026-09-17 00:00"),),
    ),
    # The tenth business day after Mon 3 Aug is Mon 17; 28 to 31 Aug, 45 = 17 Sep.
    "confirmed a second late": Case(
        "US-REG-E",
        "2026-08-03 15:00",
        {"provisional_credit_required": False, "investigation_final": "2026-09-17"},
        acts=(("written_confirmation_received", "2026-08-18 00:00"),),
    ),
    "never confirmed": Case(
        "US-REG-E",
        "2026-08-03 15:00",
        {"provisional_credit_required": False, "investigation_final": "2026-09-17"},
        acts=(("written_confirmation_requested", "2026-08-03 16:00"),),
    ),
    "unverified, but not warned": Case(
        "US-REG-E",
        "2026-08-03 15:00",
        {"provisional_credit_required": True},
        facts={"account_kind": "prepaid", "kyc_verified": False},
    ),
    "notice a second late": Case(
        "US-REG-E",
        "2026-04-02 00:00",
        {"last_timely_notice": "2026-04-01", "notice_timely": False},
        facts={"statement_sent": "2026-01-31"},
    ),
    # Open on Saturdays: Thu 1 Oct, 2=1, 3=2, 5-10=8, 12 off, 13=9, 14=10.
    "saturdays": Case(
        "US-REG-E",
        "2026-10-01 10:00",
        {"determine_or_provisional_credit": "2026-10-14"},
        calendar="US-FED-SAT",
    ),
    # 16 to 31 Jan, 44, 75, 105, 136, 166 to 30 Jun, 180 = 14 Jul; 17, 48, 78, 90 = 12 Oct.
    "remittance on the last day": Case(
        "US-REG-E-REMIT",
        "2026-07-14 23:59:59",
        {
            "last_timely_notice": "2026-07-14",
            "notice_timely": True,
            "investigation_final": "2026-10-12",
        },
        facts={"disclosed_availability_date": "2026-01-15"},
    ),
    # Wed 17 Jun: 18=1, Juneteenth off, 22=2, 23=3. Thu 18: Mon 22.
    "remittance results": Case(
        "US-REG-E-REMIT",
        "2026-05-01 10:00",
        {"report_results": "2026-06-23", "apply_remedy": "2026-06-22"},
        acts=(
            ("investigation_completed", "2026-06-17 10:00"),
            ("remedy_instruction_received", "2026-06-18 10:00"),
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_dates_counted_by_hand(name: str) -> None:
    case = CASES[name]
    got = found(case)
    said = {
        clock: date_named(clock, got[clock]) if got[clock].rule.role.has_date else got[clock].value
        for clock in case.expected
    }
    assert said == case.expected


def test_every_clock_of_the_vocabulary_is_shipped_and_has_a_vector() -> None:
    given = {
        (vector["regime"], expected["clock"])
        for vector in DOCUMENT["vectors"]
        for expected in vector["expected"]
    }
    own = {(case.regime, clock) for case in CASES.values() for clock in case.expected}
    regimes = DOCUMENT["vocabulary"]["regimes"]
    wanted = {(regime, clock) for regime, rule in regimes.items() for clock in rule["clocks"]}
    assert wanted - given - own == set()
    shipped = {
        (regime.code, name)
        for regime in shipped_regimes()
        for clock in regime.clocks
        for name in (clock.name, clock.rolled_as, clock.target_as)
    }
    assert wanted - shipped == set()


def test_every_fact_and_act_of_the_vocabulary_is_known_to_some_regime() -> None:
    vocabulary = DOCUMENT["vocabulary"]
    facts = {name for regime in shipped_regimes() for name in regime.facts}
    acts = {name for regime in shipped_regimes() for name in regime.acts}
    assert set(vocabulary["facts"]) - facts == set()
    assert set(vocabulary["events"]) - acts == set()


def test_an_appraisal_that_goes_on_holds_the_decision() -> None:
    acts = (("external_appraisal_started", "2026-06-05 10:00"),)
    decision = found(Case("CN-NFRA-COMPLAINT", "2026-06-01 10:00", {}, acts=acts))["decision"]
    assert decision.status is Status.HELD
    assert decision.strict is None
    assert "stands still since Fri 2026-06-05" in decision.because[-1]


def test_a_date_is_as_sure_as_the_weakest_part_of_the_rule_that_counted() -> None:
    plain = found(Case("CN-NFRA-COMPLAINT", "2026-06-01 10:00", {}))["decision"]
    acts = (("new_facts_received", "2026-06-10 10:00"),)
    anew = found(Case("CN-NFRA-COMPLAINT", "2026-06-01 10:00", {}, acts=acts))["decision"]
    assert (plain.checked, plain.checked.exact) == (SourceStatus.SECONDARY_SEEN, True)
    assert (anew.checked, anew.checked.exact) == (SourceStatus.MEMORY, False)


def test_the_arithmetic_is_told() -> None:
    case = Case("US-REG-E", "2026-09-01 10:00", {}, acts=((CREDIT, "2026-09-17 00:00"),))
    final = found(case)["investigation_final"]
    assert final.status is Status.COLLAPSED
    assert final.because == (
        "Tue 2026-09-01 is day 0: received",
        "45 calendar days: Fri 2026-10-16",
        "what it needs was not done in time: falls to determine_or_provisional_credit",
        "Tue 2026-09-01 is day 0: received",
        "10 business days: Wed 2026-09-16",
    )
