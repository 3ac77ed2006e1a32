"""What `recourse doctor` looks at, one finding each."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.kit.blueprint import Blueprint
from services.kit.broker_security import client_options
from services.kit.connecting import open_pools
from services.kit.db import UNREACHABLE
from services.kit.identity.exposure import exposure, is_loopback
from services.kit.sealing import Sealer, UnsealError
from services.kit.settings import Settings
from services.yaml_files import InvalidFileError

UNUSABLE: tuple[type[BaseException], ...] = (ValueError, asyncpg.PostgresError, *UNREACHABLE)


class Verdict(StrEnum):
    """Whether something is as it must be, worth a look, or to be mended."""

    OK = "ok"
    LOOK = "look"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    detail: str


async def examine(blueprint: Blueprint, settings: Settings) -> list[Finding]:
    """Exposure, database, keys, what the service can be asked, and the broker, in this order."""
    return [
        _identity(settings),
        *await _database(blueprint, settings),
        *await _broker(blueprint, settings),
    ]


def _identity(settings: Settings) -> Finding:
    """Whether anybody could call from elsewhere."""
    fault = exposure(settings)
    if fault is not None:
        return Finding("identity", Verdict.BAD, fault)
    if settings.identity == "on":
        return Finding("identity", Verdict.OK, "every request needs a token or an API key")
    if is_loopback(settings.http_host):
        return Finding("identity", Verdict.LOOK, "off: nobody is asked who they are, on loopback")
    return Finding("identity", Verdict.LOOK, "off beyond loopback, where a proxy authenticates")


async def _database(blueprint: Blueprint, settings: Settings) -> list[Finding]:
    try:
        entities, closing = await open_pools(blueprint, settings)
    except UNUSABLE as error:
        return [Finding("database", Verdict.BAD, f"{type(error).__name__}: {error}")]
    try:
        now = await entities.now()
        findings = [
            Finding("database", Verdict.OK, f"answers; its time is {now.domain.isoformat()}")
        ]
        findings.append(await _keys(entities.sealer))
        for what, ask in blueprint.examinations.items():
            findings += await _examined(what, ask(entities, settings))
    finally:
        for close in closing:
            await close()
    return findings


async def _examined(what: str, asking: Awaitable[Sequence[str]]) -> list[Finding]:
    try:
        doubts = await asking
    except InvalidFileError as error:
        return [Finding(what, Verdict.BAD, line) for line in error.lines]
    found = [Finding(what, Verdict.LOOK, doubt) for doubt in doubts]
    return found or [Finding(what, Verdict.OK, "nothing is doubtful")]


async def _keys(sealer: Sealer) -> Finding:
    """Whether the master key opens a key that is there: another one would make all data absent."""
    subject = await sealer.any_subject()
    if subject is None:
        return Finding("keys", Verdict.OK, "none yet")
    try:
        await sealer.load([subject])
    except UnsealError:
        return Finding(
            "keys", Verdict.BAD, "RECOURSE_MASTER_KEY is not the one they were wrapped by"
        )
    return Finding("keys", Verdict.OK, "the master key opens them")


async def _broker(blueprint: Blueprint, settings: Settings) -> list[Finding]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        present = set(await admin.list_topics())
    except (KafkaError, OSError) as error:
        return [Finding("broker", Verdict.BAD, f"{type(error).__name__}: {error}")]
    finally:
        await admin.close()
    streams = blueprint.streams
    wanted = {*streams.inputs, *streams.outputs, *blueprint.foreign_topics, blueprint.control_topic}
    missing = sorted(
        settings.topics_prefix + t for t in wanted if settings.topics_prefix + t not in present
    )
    if missing:
        return [Finding("topics", Verdict.BAD, f"missing: {', '.join(missing)}")]
    return [
        Finding("broker", Verdict.OK, f"answers, with all {len(wanted)} topics of this service")
    ]
