"""Whether the broker is still the one whose offsets a consumer has in mind.

Owns the question. The embedded broker forgets everything when it is restarted, and has a fresh id
each time: a consumer that went on at the offsets that it had would skip what is published again,
and say that it has read it. Never reconnects: whoever watches the broker builds it anew.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

_PAUSE_S: Final = 0.2


class AnotherBrokerError(ConnectionError):
    """What was fetched may be another broker's; it is not taken."""


class SameBroker:
    """Remembers the broker at which a consumer began."""

    def __init__(self) -> None:
        self._began_at: str | None = None

    async def begin(self, consumer: Any) -> None:
        """Remember the broker. Raises `KafkaError` where it does not answer."""
        self._began_at = await _cluster_id(consumer)

    async def check(self, consumer: Any) -> None:
        """Raises `AnotherBrokerError`, also where nobody answers."""
        try:
            same = await _cluster_id(consumer) == self._began_at
        except KafkaError as error:
            raise AnotherBrokerError("the broker does not answer") from error
        if not same:
            await asyncio.sleep(_PAUSE_S)
            raise AnotherBrokerError("the broker is not the one that the offsets are of")


async def _cluster_id(consumer: Any) -> str | None:
    client = consumer._client
    answer = await client.send(client.get_random_node(), MetadataRequest([]))
    found: str | None = answer.cluster_id
    return found
