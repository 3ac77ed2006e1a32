"""What the stack needs to know of a running Kafka-protocol broker, whichever it is."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from services.local.process import Supervised


class KafkaProfile(enum.StrEnum):
    """Which broker: settings of the clients differ (`RECOURSE_KAFKA_PROFILE`)."""

    EMBEDDED = "embedded"
    APACHE = "apache"

    @property
    def partitions(self) -> int:
        """Partitions per topic; the embedded broker makes 4 whenever a client asks first."""
        return 4 if self is KafkaProfile.EMBEDDED else 12


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is, as "host:port", and which it is."""

    bootstrap: str
    profile: KafkaProfile


@dataclass(frozen=True, slots=True)
class Broker(BrokerAddress):
    """A broker that runs as a process of the local stack."""

    process: Supervised
