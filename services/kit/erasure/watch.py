"""The loop by which every replica hears of erasures: keys are dropped, and the service lets go.

Owns the pace, which is the bound of how long a destroyed key is still used: a second, and for a
replica that cannot reach the keys' database as long as a key is cached. Two things are looked at
now and then: whether this service has let everybody go (a restored backup of it has not), and
whether the keys of those whom it did are still destroyed (a restored backup of the keys has them).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import monotonic
from typing import Final
from uuid import UUID

import structlog

from services.kit import telemetry
from services.kit.erasure.ledger import QUERIES, Ledger
from services.kit.erasure.letting_go import Forgets, let_go
from services.kit.sorting import Reader
from services.kit.unit import Entities

_log = structlog.get_logger(__name__)
_REST_S: Final = 1.0
_AGAIN_S: Final = 60.0


class ErasureWatch:
    """The watch of one replica. Several may let go of a subject: who is second finds nothing."""

    def __init__(
        self,
        entities: Entities,
        reader: Reader,
        forget: Forgets,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._entities = entities
        self._reader = reader
        self._forget = forget
        self._ledger = Ledger(entities.sealer.keys)
        self._service = entities.streams.source
        self._seconds = seconds
        self._looked_at: float | None = None
        self._done: set[UUID] = set()
        self._looked_again: set[UUID] = set()

    async def step(self) -> float:
        """Hear who was erased, let them go; answers the seconds to rest."""
        lately = await self._ledger.erased_lately()
        self._entities.sealer.forget(lately)
        now_s = self._seconds()
        if self._looked_at is None or now_s - self._looked_at > _AGAIN_S:
            await self._look_at_all()
            # What a replica wrote that had not heard of it yet is found by looking once more.
            again = self._done.intersection(lately) - self._looked_again
            await self._let_go(again)
            self._looked_again = self._looked_again.intersection(lately) | again
            self._looked_at = now_s
        new = set(lately) - self._done
        await self._let_go(new)
        if new:
            await self._ledger.clean_up()
        return _REST_S

    async def _look_at_all(self) -> None:
        rows = await self._entities.db.fetch(QUERIES["erased_here"])
        self._done = {row["subject"] for row in rows}
        back = await self._ledger.erase_again(self._done)
        if back:
            _log.warning("keys_destroyed_again", subjects=[str(each) for each in back])
            telemetry.ERASED_AGAIN.inc(len(back))
            self._entities.sealer.forget(back)
        await self._let_go(await self._ledger.erased_but(self._done))
        if back:
            await self._ledger.clean_up()

    async def _let_go(self, subjects: Collection[UUID]) -> None:
        for subject in sorted(subjects):
            self._entities.sealer.forget([subject])
            cases = await let_go(self._entities, self._reader, self._forget, subject)
            await self._ledger.note_step(subject, self._service, cases)
            if subject not in self._done:
                self._done.add(subject)
                telemetry.ERASED.inc()
                _log.info("subject_erased", subject=str(subject), cases=cases)
