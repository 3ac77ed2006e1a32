"""Topic `actions-answered`: what other backends say to actions, decided under the case's lock.

Owns the reading of these messages and how they find their case. The core decides what an answer
changes. An answer to an action that nobody has asked for waits a while, for its request may still
be on its way into a restored database; then it is a dead letter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from schemas.actions import FOREIGN_ANSWERS, ActionAnswer
from services.escalation import store
from services.escalation.core import engine, journal
from services.escalation.core.answering import UnknownActionError
from services.escalation.core.state import read_state
from services.escalation.handlers import LadderLogic, for_kit
from services.escalation.silence import silent_cases
from services.kit.entities import Decided, Entity, Incoming
from services.kit.faults import Poison, Postpone
from services.kit.foreign import Outcome, read_as
from services.kit.unit import Unit

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AnswersConsumer:
    """Takes batches of topic `actions-answered`; satisfies the kit's `ForeignLogic`."""

    logic: LadderLogic
    stale_after: timedelta

    def subject_in(self, value: bytes) -> UUID | None:
        """An answer names an action, and nobody."""
        return None

    async def on_foreign(self, unit: Unit, incoming: Sequence[Incoming]) -> Sequence[Outcome]:
        """One outcome per message, in order."""
        answers = [read_as(FOREIGN_ANSWERS, item) for item in incoming]
        asked = [answer.action_id for answer in answers if not isinstance(answer, Poison)]
        cases = await store.cases_of_actions(unit.conn, asked)
        entities = await unit.lock(set(cases.values()))
        silent = await silent_cases(unit, entities.values(), self.stale_after)
        taken = [
            answer
            if isinstance(answer, Poison)
            else self._take(unit, item, answer, _entity_of(answer, cases, entities), silent)
            for item, answer in zip(incoming, answers, strict=True)
        ]
        await self.logic.write(unit, [each for each in taken if isinstance(each, Decided)])
        return [None if isinstance(each, Decided) else each for each in taken]

    def _take(
        self,
        unit: Unit,
        item: Incoming,
        answer: ActionAnswer,
        entity: Entity | None,
        silent: Collection[UUID],
    ) -> Decided | Outcome:
        """Decides about one answer; one that cannot be decided poisons nothing but itself."""
        if entity is None:
            return Postpone("unknown_action")
        if entity.state is None:  # its customer was erased: nobody is left to act for
            return None
        try:
            return self._decide(unit, item, answer, entity, stale=entity.id in silent)
        except UnknownActionError:
            return Poison("unknown_action", "the case that the action belongs to has no such one")
        except Postpone as reason:
            return reason
        except Exception as error:
            _log.exception("decision_failed", type=item.type)
            return Poison("decision_failed", type(error).__name__)

    def _decide(
        self, unit: Unit, item: Incoming, answer: ActionAnswer, entity: Entity, *, stale: bool
    ) -> Decided:
        now = unit.now_for(entity)
        state = read_state(entity.state or b"")
        policy = self.logic.pinned(state.policy.digest)
        decision = engine.decide_answer(
            state,
            answer,
            answer_id=item.id,
            policy=policy,
            now=now,
            stale=stale,
            staffing=self.logic.staffing,
        )
        entry = journal.of_answer(item.type, answer, item.id, now, decision, stale=stale)
        return unit.apply(entity, for_kit(decision, policy, entry), item.id)


def _entity_of(
    answer: ActionAnswer, cases: Mapping[UUID, UUID], entities: Mapping[UUID, Entity]
) -> Entity | None:
    case_id = cases.get(answer.action_id)
    return entities.get(case_id) if case_id is not None else None
