"""How the consumer waits and when it commits, where FastStream's own ways cost an idle core.

Owns two habits: wait inside the poll instead of napping after each empty one (a nap also delays
what arrives meanwhile), and commit offsets that only progress moved now and then.
"""

from __future__ import annotations

from itertools import chain
from time import monotonic
from typing import Any, Final

from faststream.message import AckStatus

_POLL_MS: Final = 1000
_COMMIT_EACH_S: Final = 10.0


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


class Commits:
    """When offsets are committed: at once after work, else every ten seconds.

    Progress (heartbeats, confirmations) that comes again after a restart changes nothing;
    committing each second, for all partitions, was a good part of what an idle service did.
    """

    def __init__(self) -> None:
        self._at = float("-inf")

    def put_off(self, message: Any, *, worked: bool) -> None:
        """Mark a batch as committed whose offsets can wait; the next commit covers them."""
        if worked or monotonic() - self._at > _COMMIT_EACH_S:
            self._at = monotonic()
        else:
            message.committed = AckStatus.ACKED
