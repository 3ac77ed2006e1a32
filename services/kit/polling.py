"""How the consumer waits and when it commits, where FastStream's own ways cost an idle core.

Owns three habits: wait inside the poll instead of napping after each empty one (a nap also delays
what arrives meanwhile), fetch anew only when all that was fetched is taken, and tell the group now
and then how far the database has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from time import monotonic
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.kit.wire import Record

_log = structlog.get_logger(__name__)
_POLL_MS: Final = 1000
_UNTIL_TAKEN_S: Final = 5.0
"""Well below the minute after which a consumer that fetches nothing counts as dead."""
_AFTER_PROGRESS_S: Final = 10.0
_COMMIT_S: Final = 5.0
"""So long a broker that is away is waited for, also by a stop."""


def wait_inside_the_poll(subscriber: Any) -> None:
    """Have a batch subscriber's `get_msg` answer only when records came.

    When its consumer is stopped, the poll raises, which ends the subscriber's loop as before.
    """

    async def get_msg(consumer: Any) -> tuple[Any, ...]:
        limits = {"timeout_ms": _POLL_MS, "max_records": subscriber.max_records}
        while not (found := await consumer.getmany(**limits)):
            pass
        return tuple(chain(*found.values()))

    subscriber.get_msg = get_msg


def fetch_when_all_is_taken(consumer: Any) -> None:
    """Have a started consumer ask a broker for more only when nothing of its last answer is left.

    aiokafka asks after a tenth of a second, for the partitions of which nothing is left. If those
    are at their end, the broker waits for as long as it may (`fetch_max_wait_ms`), and until it
    has answered, the others, which have more, are not asked for: a batch that took longer than
    that tenth held up what followed by a second. All partitions share our handler anyway.
    """
    consumer._fetcher._prefetch_backoff = _UNTIL_TAKEN_S


class Commits:
    """When offsets are committed: so often at most after work, each ten seconds after progress.

    Whoever has a heartbeat each second needs no timer. What comes again after a restart is dropped
    as seen; a commit for each batch was a request for each event of a calm stream. Only offsets of
    what the database has committed are told, never the client's position, which may be past
    records that nobody has taken yet.
    """

    def __init__(self, after_work_s: float, seconds: Callable[[], float] = monotonic) -> None:
        self._after_work_s = after_work_s
        self._seconds = seconds
        self._at = float("-inf")
        self._worked = False
        self._taken: dict[tuple[str, int], int] = {}

    def taken(self, records: Sequence[Record], *, worked: bool) -> None:
        """Note that the database has these records."""
        for record in records:
            self._taken[record.topic, record.partition] = record.offset + 1
        self._worked = self._worked or worked

    async def in_time(self, consumer: Any) -> None:
        """Commit if it is time."""
        after_s = self._after_work_s if self._worked else _AFTER_PROGRESS_S
        if self._seconds() - self._at >= after_s:
            await self._commit(consumer)

    async def before_leaving(self, consumer: Any) -> None:
        """Commit work that would come again elsewhere; for progress alone nobody need wait."""
        if self._worked:
            await self._commit(consumer)

    async def _commit(self, consumer: Any) -> None:
        """Tell what was taken of the partitions that are still ours."""
        taken, self._taken = self._taken, {}
        self._at, self._worked = self._seconds(), False
        ours = consumer.assignment()
        found = {TopicPartition(*where): offset for where, offset in taken.items()}
        offsets = {where: offset for where, offset in found.items() if where in ours}
        try:
            if offsets:
                await asyncio.wait_for(consumer.commit(offsets), _COMMIT_S)
        except (KafkaError, TimeoutError) as error:  # it comes again, and is dropped as seen
            _log.warning("offsets_not_committed", error=type(error).__name__)

    def forget(self) -> None:
        """Commit nothing of what was taken: the broker that it came from may be no more."""
        self._taken.clear()
        self._worked = False
