"""What `recourse doctor` looks at, one finding each."""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.kit.blueprint import Blueprint
from services.kit.broker_security import client_options
from services.kit.connecting import open_pools
from services.kit.db import UNREACHABLE
from services.kit.sealing import Sealer, UnsealError
from services.kit.settings import Settings

UNUSABLE: tuple[type[BaseException], ...] = (ValueError, *UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    detail: str


async def examine(blueprint: Blueprint, settings: Settings) -> list[Finding]:
    """Database, keys and broker, in this order."""
    return [*await _database(blueprint, settings), *await _broker(blueprint, settings)]


async def _database(blueprint: Blueprint, settings: Settings) -> list[Finding]:
    try:
        entities, closing = await open_pools(blueprint, settings)
    except UNUSABLE as error:
        return [Finding("database", False, f"{type(error).__name__}: {error}")]
    try:
        now = await entities.now()
        findings = [Finding("database", True, f"answers; its time is {now.domain.isoformat()}")]
        findings.append(await _keys(entities.sealer))
    finally:
        for close in closing:
            await close()
    return findings


async def _keys(sealer: Sealer) -> Finding:
    """Whether the master key opens a key that is there: another one would make all data absent."""
    subject = await sealer.any_subject()
    if subject is None:
        return Finding("keys", True, "none yet")
    try:
        await sealer.load([subject])
    except UnsealError:
        return Finding("keys", False, "RECOURSE_MASTER_KEY is not the one they were wrapped by")
    return Finding("keys", True, "the master key opens them")


async def _broker(blueprint: Blueprint, settings: Settings) -> list[Finding]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        present = set(await admin.list_topics())
    except (KafkaError, OSError) as error:
        return [Finding("broker", False, f"{type(error).__name__}: {error}")]
    finally:
        await admin.close()
    streams = blueprint.streams
    wanted = {*streams.inputs, *streams.outputs, *blueprint.foreign_topics, blueprint.control_topic}
    missing = sorted(
        settings.topics_prefix + t for t in wanted if settings.topics_prefix + t not in present
    )
    if missing:
        return [Finding("topics", False, f"missing: {', '.join(missing)}")]
    return [Finding("broker", True, f"answers, with all {len(wanted)} topics of this service")]
