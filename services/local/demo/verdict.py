"""The judgement: what was forecast against what happened, difference by difference.

Owns what counts as lost, duplicate, late and resent. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from services.local.demo.cast import DemoCase
from services.local.demo.evidence import CaseEvidence, Evidence
from services.local.demo.expected import Forecast, RungEntry

LATE_MS: Final = 1000
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")
_GROUP, _AGENT = "group:", "agent:"
_ARRIVED: Final = frozenset({"sent", "confirmed"})


@dataclass(slots=True)
class Verdict:
    """What was found. Everything that must not be is in `differences`, in words."""

    lost: int = 0
    duplicates: int = 0
    resent: int = 0
    differences: list[str] = field(default_factory=list)

    def differ(self, who: str, what: str) -> None:
        """One more difference."""
        self.differences.append(f"{who}: {what}")


def judge(
    forecasts: Sequence[Forecast], evidence: Evidence, mailboxes: Mapping[str, str | None]
) -> Verdict:
    """Compares every case and every mail with what the policy says.

    `mailboxes` has the address of each group.
    """
    verdict = Verdict()
    by_name = {found.case.name: found for found in evidence.cases}
    for forecast in forecasts:
        found = by_name.get(forecast.case.name)
        if found is None:
            verdict.lost += 1
            verdict.differ(forecast.case.name, "the case is missing")
        else:
            _judge_case(verdict, forecast, found)
    _judge_clocks(verdict, forecasts, evidence)
    _judge_mails(verdict, evidence, mailboxes)
    return verdict


def _judge_case(verdict: Verdict, forecast: Forecast, found: CaseEvidence) -> None:
    for what, wanted, got in _facts(forecast, found):
        if wanted != got:
            verdict.differ(forecast.case.name, f"{what}: expected {wanted}, found {got}")
    _judge_history(verdict, forecast, found)
    _judge_explanation(verdict, forecast, found)
    _judge_deliveries(verdict, forecast, found)


def _facts(forecast: Forecast, found: CaseEvidence) -> Iterator[tuple[str, Any, Any]]:
    shown, ladder = found.shown, found.ladder
    holder = ladder["holder"]
    yield "cases of this customer", 1, found.cases_of_customer
    yield "category", forecast.category, shown["category"]
    yield "status", forecast.status, shown["status"]
    yield "episode", forecast.episode, shown["episode"]
    yield "contacts", forecast.contacts, len(shown["contacts"])
    yield "episode of the ladder", forecast.episode, ladder["episode"]
    yield "rung", forecast.rung, ladder["rung"]
    yield "owner group", forecast.owner_group, ladder["owner_group"]
    yield "holder", forecast.holder, holder["staff_number"] if holder else None
    yield "ladder runs", forecast.ladder_runs, ladder["state"] != "stopped"
    yield "offers", forecast.offers, frozenset(offer["rung"] for offer in ladder["offers"])


def _judge_history(verdict: Verdict, forecast: Forecast, found: CaseEvidence) -> None:
    wanted = Counter(forecast.history)
    got = Counter(map(_entry, found.ladder["history"]))
    for entry in (wanted - got).elements():
        verdict.lost += 1
        verdict.differ(forecast.case.name, f"rung not entered: {_words(entry)}")
    for entry in (got - wanted).elements():
        verdict.differ(forecast.case.name, f"rung entered, not forecast: {_words(entry)}")
    if any(entry["retracted"] for entry in found.ladder["history"]):
        verdict.differ(forecast.case.name, "a rung was retracted")


def _judge_explanation(verdict: Verdict, forecast: Forecast, found: CaseEvidence) -> None:
    """Every rung is explained; one that a clock led to was entered at the instant it was due."""
    explained = found.explained["rungs"]
    if [_entry(rung) for rung in explained] != [_entry(rung) for rung in found.ladder["history"]]:
        verdict.differ(forecast.case.name, "the explanation tells of other rungs than the ladder")
    for rung in explained:
        if rung["due_at"] is not None and rung["due_at"] != rung["entered_at"]:
            what = f"{_words(_entry(rung))}: explained as due at {rung['due_at']}"
            verdict.differ(forecast.case.name, what)


def _entry(shown: dict[str, Any]) -> RungEntry:
    return RungEntry(
        episode=shown["episode"],
        rung=shown["rung"],
        visit=shown["visit"],
        reason=shown["reason"],
        entered_at=datetime.fromisoformat(shown["entered_at"]),
    )


def _words(entry: RungEntry) -> str:
    where = f"episode {entry.episode}, {entry.rung}, visit {entry.visit}"
    return f"{where}, {entry.reason}, {entry.entered_at.isoformat()}"


def _judge_deliveries(verdict: Verdict, forecast: Forecast, found: CaseEvidence) -> None:
    arrived = [one for one in found.deliveries if one["status"] in _ARRIVED]
    got = Counter((one["template"], one["channel"]) for one in arrived)
    wanted = Counter(forecast.told)
    for (template, channel), count in (wanted - got).items():
        verdict.lost += count
        verdict.differ(forecast.case.name, f"{count} of {template} by {channel} did not arrive")
    for (template, channel), count in (got - wanted).items():
        verdict.differ(forecast.case.name, f"{count} of {template} by {channel} too many")
    for one in found.deliveries:
        if one["status"] not in _ARRIVED:
            what = f"{one['template']} by {one['channel']} is {one['status']}: {one['reason']}"
            verdict.differ(forecast.case.name, what)
    _judge_keys(verdict, forecast, found.deliveries)


def _judge_keys(verdict: Verdict, forecast: Forecast, rows: Iterable[dict[str, Any]]) -> None:
    """Two keys for one (event, recipient, channel) would tell somebody the same thing twice."""
    told = Counter((row["event_id"], row["recipient"], row["channel"]) for row in rows)
    for (event, _, channel), count in told.items():
        if count > 1:
            verdict.duplicates += count - 1
            verdict.differ(forecast.case.name, f"event {event} was told {count} times by {channel}")


def _judge_clocks(verdict: Verdict, forecasts: Sequence[Forecast], evidence: Evidence) -> None:
    """Each clock that ran out was missed once, and told so once."""
    heard = Counter(seen.case_id for seen in evidence.missed)
    ids = {found.case.name: found.case_id for found in evidence.cases}
    for forecast in forecasts:
        got = heard[ids.get(forecast.case.name)]
        if got != forecast.clocks_missed:
            verdict.lost += max(0, forecast.clocks_missed - got)
            what = f"clocks missed: expected {forecast.clocks_missed}, found {got}"
            verdict.differ(forecast.case.name, what)


def _judge_mails(verdict: Verdict, evidence: Evidence, mailboxes: Mapping[str, str | None]) -> None:
    """One mail for each delivery by mail, to its address; more with one key were sent again."""
    arrived = Counter(_key(mail) for mail in evidence.mails)
    owed = {
        row["key"]: (found.case, row)
        for found in evidence.cases
        for row in found.deliveries
        if row["channel"] == "email" and row["status"] in _ARRIVED
    }
    for key, (case, _) in owed.items():
        if key not in arrived:
            verdict.lost += 1
            verdict.differ(case.name, f"delivery {key} says sent, but no mail has arrived")
    for mail in evidence.mails:
        if _key(mail) in owed:
            _judge_mail(verdict, mail, *owed[_key(mail)], mailboxes)
        else:
            verdict.differ("mail", f"{_key(mail)} belongs to no delivery that was sent")
    verdict.resent = sum(count - 1 for count in arrived.values())


def _judge_mail(
    verdict: Verdict,
    mail: dict[str, Any],
    case: DemoCase,
    delivery: dict[str, Any],
    mailboxes: Mapping[str, str | None],
) -> None:
    """It went to the customer, in the customer's language, or to a mailbox of the operator."""
    recipient, template = delivery["recipient"], delivery["template"]
    if recipient.startswith(_AGENT):
        if mail["to"] not in [[mailbox] for mailbox in mailboxes.values()]:
            verdict.differ(case.name, f"{template} went to {mail['to']}, to no group's mailbox")
        return
    group = recipient.partition(_GROUP)[2]
    address = mailboxes.get(group) if group else case.email
    if mail["to"] != [address]:
        verdict.differ(case.name, f"{template} went to {mail['to']}, not to {address}")
    language = "zh" if _CHINESE.search(mail["subject"]) else "en"
    if not group and language != case.language:
        verdict.differ(case.name, f"{delivery['template']} is in {language}, not {case.language}")


def _key(mail: dict[str, Any]) -> str:
    headers = {name.casefold(): str(value) for name, value in mail["headers"].items()}
    return headers.get("message-id", "").strip("<> ").partition("@")[0]
