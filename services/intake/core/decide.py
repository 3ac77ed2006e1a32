"""What a command leads to: events and the case after them, or a refusal with its reason.

Owns the decision of every command. The lifecycle says in which status each is legal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas import case as events
from schemas import conversation
from schemas.case import CaseEvent
from schemas.vocabulary import Status, WaitingFor
from services.intake.core import commands, facts
from services.intake.core.arrive import News, arrive, at_impossible_time, said
from services.intake.core.evolve import evolve
from services.intake.core.lifecycle import status_after
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused, not_in_this_status
from services.intake.core.split import split
from services.intake.core.state import Case, Policies
from services.intake.core.statutory import unknown_act


@dataclass(frozen=True, slots=True)
class Setting:
    """What a command is decided in; `after` is the status that the lifecycle gives."""

    case: Case
    after: Status
    policies: Policies
    now: datetime
    target: Case | None = None
    """The case that a merge names, if there is one."""

    def said(self, command: commands.Command) -> dict[str, Any]:
        """The fields that every event of this command carries."""
        return said(self.case, command.by, self.after)


Told = CaseEvent | Outcome | Refused


def decide(
    case: Case,
    command: commands.Command,
    policies: Policies,
    now: datetime,
    target: Case | None = None,
) -> Outcome | Refused:
    """Decide one command under the case's lock."""
    after = status_after(command.command, case.status)
    if after is None:
        return not_in_this_status(command.command, case)
    told = DECISIONS[type(command)](command, Setting(case, after, policies, now, target))
    if isinstance(told, CaseEvent):
        return Outcome(Reason.ORDERED, evolve(case, [told], now), (told,))
    return told


def _reply(command: commands.Reply, at: Setting) -> Told:
    return conversation.CustomerRepliedTo(
        **at.said(command), channel=command.channel, text=command.text
    )


def _ask_customer(command: commands.AskCustomer, at: Setting) -> Told:
    return conversation.CustomerAsked(**at.said(command), facts=command.facts, text=command.text)


def _wait_third_party(command: commands.WaitThirdParty, at: Setting) -> Told:
    return conversation.CaseWaiting(
        **at.said(command),
        waiting_for=WaitingFor.THIRD_PARTY,
        party=command.party,
        reference=command.reference,
    )


def _third_party_answered(command: commands.ThirdPartyAnswered, at: Setting) -> Told:
    return conversation.CaseWaiting(
        **at.said(command), waiting_for=WaitingFor.NOBODY, text=command.text
    )


def _provide(command: commands.Provide, at: Setting) -> Told:
    news = News(command.command, Reason.ORDERED, by=command.by, facts=command.facts)
    return arrive(at.case, news, at.policies.of(at.case), at.now)


def _promise(command: commands.Promise, at: Setting) -> Told:
    if command.by_when <= at.now:
        detail = "a promise is about an instant to come"
        return Refused(Refusal.PROMISED_IN_THE_PAST, detail, pointer="/by_when")
    return conversation.PromiseMade(
        **at.said(command),
        promise_id=at.case.promise_id(len(at.case.promises) + 1),
        by_when=command.by_when,
        what=command.what,
    )


def _keep_promise(command: commands.KeepPromise, at: Setting) -> Told:
    found = [promise for promise in at.case.promises if promise.id == command.promise]
    if not found:
        detail = "the case has no promise with this id"
        return Refused(Refusal.UNKNOWN_PROMISE, detail, pointer="/promise")
    if found[0].kept_at is not None:
        return Refused(Refusal.PROMISE_ALREADY_KEPT, "this promise was kept already")
    return conversation.PromiseKept(**at.said(command), promise_id=command.promise)


def _classify(command: commands.Classify, at: Setting) -> Told:
    policy = at.policies.of(at.case)
    rule = policy.rule(command.category)
    needs = facts.needs(policy, command.category, at.case.representative)
    return events.CaseClassified(
        **at.said(command),
        category=command.category,
        severity=command.severity or rule.severity,
        lane=rule.lane,
        missing_facts=facts.missing(needs, facts.of_case(at.case)),
        reason=command.reason,
    )


def _verify_identity(command: commands.VerifyIdentity, at: Setting) -> Told:
    return events.IdentityVerified(**at.said(command), method=command.method)


def _consent(command: commands.Consent, at: Setting) -> Told:
    event = conversation.ConsentGiven if command.given else conversation.ConsentRevoked
    return event(
        **at.said(command),
        consent_to=command.to,
        wording_sha256=hashlib.sha256(command.wording.encode()).hexdigest(),
        wording=command.wording,
    )


def _record_act(command: commands.RecordAct, at: Setting) -> Told:
    wrong = unknown_act(at.policies.of(at.case).pack, command.act)
    if wrong is not None:
        return Refused(Refusal.UNKNOWN_ACT, wrong, pointer="/act")
    refused = at_impossible_time(command.at, "/at", at.now)
    if refused is not None:
        return refused
    return events.ActRecorded(**at.said(command), act=command.act, at=command.at, text=command.text)


def _resolve(command: commands.Resolve, at: Setting) -> Told:
    return events.CaseResolved(**at.said(command), outcome=command.outcome, summary=command.summary)


def _confirm(command: commands.Confirm, at: Setting) -> Told:
    return events.CaseConfirmed(**at.said(command))


def _reopen(command: commands.Reopen, at: Setting) -> Told:
    said_then = {**at.said(command), "episode": at.case.episode + 1}
    return events.CaseReopened(**said_then, reason=command.reason)


def _withdraw(command: commands.Withdraw, at: Setting) -> Told:
    return events.CaseWithdrawn(**at.said(command), reason=command.reason)


def _close(command: commands.Close, at: Setting) -> Told:
    return events.CaseClosed(**at.said(command), reason=command.reason)


def _merge(command: commands.Merge, at: Setting) -> Told:
    # A merged case takes no merge, and nothing merges into a merged case: no cycle can arise.
    if command.into == at.case.id:
        detail = "a case does not merge into itself"
        return Refused(Refusal.MERGED_INTO_ITSELF, detail, pointer="/into")
    if at.target is None:
        return Refused(Refusal.UNKNOWN_CASE, "there is no such case", pointer="/into")
    if at.target.status is Status.MERGED:
        detail = f"that case lives on in {at.target.merged_into}"
        return Refused(Refusal.TARGET_IS_MERGED, detail)
    if at.target.status in (Status.CLOSED, Status.WITHDRAWN) or at.target.stands_still():
        detail = "nobody works on that case: reopen it first"
        return Refused(Refusal.TARGET_IS_OVER, detail, pointer="/into")
    return events.CaseMerged(**at.said(command), into=command.into, facts=at.case.facts)


def _split(command: commands.Split, at: Setting) -> Told:
    return split(at.case, command, at.policies.offered, at.now)


DECISIONS: Final[dict[type[Any], Callable[[Any, Setting], Told]]] = {
    commands.Reply: _reply,
    commands.AskCustomer: _ask_customer,
    commands.WaitThirdParty: _wait_third_party,
    commands.ThirdPartyAnswered: _third_party_answered,
    commands.Provide: _provide,
    commands.Promise: _promise,
    commands.KeepPromise: _keep_promise,
    commands.Classify: _classify,
    commands.VerifyIdentity: _verify_identity,
    commands.Consent: _consent,
    commands.RecordAct: _record_act,
    commands.Resolve: _resolve,
    commands.Confirm: _confirm,
    commands.Reopen: _reopen,
    commands.Withdraw: _withdraw,
    commands.Close: _close,
    commands.Merge: _merge,
    commands.Split: _split,
}
