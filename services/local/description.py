"""What a local stack can be told, and what it says of itself once it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.local.broker import KafkaProfile
from services.local.state import DEFAULT_STATE
from services.local.workers import ServiceCommand, service_command


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What a stack can be told. `clock` simulates time; `port` None is 8700 or any free one;
    `identity` asks everybody who they are, and has a test provider that tells."""

    state: Path = DEFAULT_STATE
    kafka: KafkaProfile = KafkaProfile.EMBEDDED
    clock: datetime | None = None
    roster: Path | None = None
    packs: tuple[Path, ...] = ()
    shadow: Path | None = None
    port: int | None = None
    topics_prefix: str = "recourse."
    identity: bool = False
    command: ServiceCommand = service_command


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its addresses, the DSN per role, the address of each service."""

    http: str
    kafka: str
    postgres: str
    topics_prefix: str
    profile: KafkaProfile
    dsns: Mapping[str, str]
    services: Mapping[str, str]
    master_key_file: Path
    state: Path

    def as_json(self) -> dict[str, Any]:
        """What `recourse up --json` prints."""
        return {
            "http": self.http,
            "kafka": self.kafka,
            "postgres": self.postgres,
            "topics_prefix": self.topics_prefix,
        }

    def description(self) -> dict[str, Any]:
        """What other commands find in the state folder's stack.json."""
        return self.as_json() | {
            "kafka_profile": self.profile.value,
            "dsn": dict(self.dsns),
            "services": dict(self.services),
            "master_key_file": str(self.master_key_file),
            "state": str(self.state),
        }
