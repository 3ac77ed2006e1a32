"""The bus: the only place that speaks to FastStream and aiokafka, and sets all their policies.

Their defaults lose messages: at most once, `latest`, one partition, replies to topics that a
stranger names, a whole batch lost for one undecodable header. Owns the subscriber, start with
retries, the watch over position and fetches. Never decides about a record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.message import AckStatus

from services.kit import telemetry
from services.kit.broker_security import security
from services.kit.db import RETRYABLE_ERRORS
from services.kit.ending import ended
from services.kit.polling import Commits, fetch_when_all_is_taken, wait_inside_the_poll
from services.kit.rebalancing import Known, Rebalancing
from services.kit.same_broker import AnotherBrokerError, SameBroker
from services.kit.settings import Settings
from services.kit.undecoded import the_message, without_headers
from services.kit.wire import Record

_log = structlog.get_logger(__name__)
Handler = Callable[[Sequence[Record]], Awaitable[bool]]
"""Takes a batch; answers whether there was work in it, whose offsets are committed soon."""

_COMES_AGAIN: tuple[type[BaseException], ...] = (*RETRYABLE_ERRORS, AnotherBrokerError)
_METADATA_MS = 15_000  # a topic that was missing when the group formed is found by then
_PROFILES: dict[str, dict[str, Any]] = {
    # Tansu's JoinGroup always takes half a session, and its long poll sleeps half its wait.
    "embedded": {
        "session_timeout_ms": 2000,
        "heartbeat_interval_ms": 500,
        "rebalance_timeout_ms": 10_000,
        "fetch_max_wait_ms": 50,
    },
    "apache": {
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 2000,
        "rebalance_timeout_ms": 60_000,
        # An answer comes with the first record anyway; each empty one costs all partitions.
        "fetch_max_wait_ms": 2000,
    },
}
# A broker that forgets everything must hear as little as can be of offsets that it had before.
_COMMIT_EACH_S = {"embedded": 0.0, "apache": 1.0}


class Bus:
    """The consumer side of one service: one group, one subscriber, all its topics."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        topics: Sequence[str],
        handler: Handler,
        known: Known | None = None,
    ) -> None:
        self._settings = settings
        self._profile = dict(_PROFILES[settings.kafka_profile])
        if settings.kafka_fetch_max_wait_ms is not None:
            self._profile["fetch_max_wait_ms"] = settings.kafka_fetch_max_wait_ms
        self._group = f"{settings.topics_prefix}{group}"
        self.topics = [settings.topics_prefix + topic for topic in topics]
        self._handler = handler
        self._forgetful = settings.kafka_profile == "embedded"
        self._same = SameBroker()
        self._commits = Commits(_COMMIT_EACH_S[settings.kafka_profile])
        self._drain = Rebalancing(
            self._profile["rebalance_timeout_ms"] / 2000,
            self._commit,
            known,
            lambda: self._consumer,
        )
        self._broker: KafkaBroker | None = None
        self._subscriber: Any = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.failed = False

    def start(self) -> None:
        """Begin connecting, in a task of its own: a broker that is away is waited for."""
        self._stopping = False
        self._task = asyncio.create_task(self._start_with_retries(), name="bus")

    async def stop(self) -> None:
        """Finish the batch in flight, commit, leave the group."""
        self._stopping = True
        await self._commit()
        await self._leave()

    async def _leave(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._broker is not None:
            await ended(self._broker.stop())
            self._broker = None
        self._commits.forget()
        telemetry.UP.labels(part="consumer").set(0)

    async def restart(self) -> None:
        """Forget every position in memory and join anew (the broker lost its memory)."""
        await self._leave()
        self.start()

    async def _start_with_retries(self) -> None:
        pause_s = 0.2
        while True:
            self._broker, self._subscriber = self._build()
            try:
                await self._broker.start()
                fetch_when_all_is_taken(self._consumer)
                if self._forgetful:
                    await self._same.begin(self._consumer)
            except Exception as error:  # aiokafka tries its bootstrap list once, then raises
                _log.warning("broker_unreachable", error=type(error).__name__)
                await ended(self._broker.stop())
                await asyncio.sleep(pause_s)
                pause_s = min(5.0, pause_s * 2)
            else:
                telemetry.UP.labels(part="consumer").set(1)
                return

    def _build(self) -> tuple[KafkaBroker, Any]:
        broker = KafkaBroker(
            self._settings.kafka_bootstrap.split(","),
            client_id=self._group,
            security=security(self._settings),
            logger=logging.getLogger("faststream"),
            graceful_timeout=15.0,
            metadata_max_age_ms=_METADATA_MS,
            allow_auto_create_topics=False,
            apply_types=False,
        )
        subscriber = broker.subscriber(
            *self.topics,
            group_id=self._group,
            batch=True,
            max_records=self._settings.batch_records,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
            no_reply=True,
            parser=without_headers,
            decoder=the_message,
            listener=self._drain,
            **self._profile,
        )
        wait_inside_the_poll(subscriber)
        subscriber(self._on_batch)
        return broker, subscriber

    async def _on_batch(self, message: Any) -> None:
        if self.failed:
            await asyncio.sleep(1)
            raise RuntimeError("this consumer has stopped; its log says why")
        self._drain.begin()
        try:
            if self._forgetful:
                await self._same.check(message.consumer)
            worked = await self._handler(message.raw_message)
            self._commits.taken(message.raw_message, worked=worked)
        except _COMES_AGAIN:
            raise  # patience is over: the batch comes again
        except Exception:
            _log.critical("consumer_stopped", group=self._group, exc_info=True)
            self.failed = True
            telemetry.UP.labels(part="consumer").set(0)
            raise
        finally:
            self._drain.end()
            message.clear_cache()  # it holds itself, and with it every record
        message.committed = AckStatus.ACKED  # or FastStream commits the client's position
        # Only now: a commit may wait for a rebalance, which waits for the batch.
        await (self._commit() if self._stopping else self._commits.in_time(message.consumer))

    async def _commit(self) -> None:
        if self._consumer is not None:
            await self._commits.before_leaving(self._consumer)

    @property
    def _consumer(self) -> Any:
        return getattr(self._subscriber, "consumer", None)

    def well(self) -> bool:
        """Whether the group has given us partitions (a surplus replica has none, and is well)."""
        consumer = self._consumer
        if consumer is None or self.failed or self._task is None or not self._task.done():
            return False
        coordinator = consumer._coordinator
        if coordinator is None or coordinator.need_rejoin(consumer._subscription.subscription):
            return False
        return not self.unknown_topics()

    def unknown_topics(self) -> list[str]:
        """Topics of ours whose partitions the broker has not named yet.

        A group that forms before it knows them all gets none of theirs, until metadata is fresh.
        """
        consumer = self._consumer
        if consumer is None:
            return list(self.topics)
        known = consumer._client.cluster
        return [topic for topic in self.topics if not known.partitions_for_topic(topic)]

    def fetched_at(self) -> dict[TopicPartition, tuple[int, bool]]:
        """For each partition: when its last fetch was answered (unix ms), and whether empty.

        Empty means that nothing lies between our position and the end that this fetch saw.
        """
        consumer = self._consumer
        if consumer is None:
            return {}
        subscription = consumer._subscription.subscription
        assignment = subscription.assignment if subscription else None
        if assignment is None:
            return {}
        found = {}
        for partition in assignment.tps:
            state = assignment.state_value(partition)
            position = state._position
            empty = (
                state.highwater is not None
                and position is not None
                and (position >= state.highwater)
            )
            found[partition] = (state.timestamp or 0, empty and not self._drain.busy)
        return found
