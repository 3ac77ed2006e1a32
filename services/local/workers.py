"""The three services as supervised processes: their environment, start and readiness."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from schemas.topics import SERVICES
from services.ground.roles import KEYS
from services.local.broker import Broker
from services.local.ports import LOOPBACK
from services.local.process import ProcessSpec, Supervised, scrubbed_environment
from services.local.state import StateFolder

ServiceCommand = Callable[[str], Sequence[str]]

_CODE: Final = Path(__file__).resolve().parents[2]
_PAUSE_S: Final = 0.05
_PROBE_TIMEOUT_S: Final = 5.0


def service_command(service: str) -> Sequence[str]:
    """How a service is started: by this Python, from this code."""
    return [sys.executable, "-m", "services.cli", "run", service]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the services are told of the stack around them."""

    dsns: Mapping[str, str]
    broker: Broker
    topics_prefix: str
    smtp_port: int
    simulated: bool
    packs: tuple[Path, ...]
    roster: Path | None
    shadow: Path | None = None
    issuer: str | None = None
    evidence: Path | None = None


def service_environment(
    service: str, port: int, around: Surroundings, master_key: str
) -> dict[str, str]:
    """Everything that a service finds in its environment."""
    environment = {
        # So that the service runs this code, wherever the stack was started from.
        "PYTHONPATH": str(_CODE),
        "PYTHONUNBUFFERED": "1",
        "RECOURSE_DATABASE_DSN": around.dsns[service],
        "RECOURSE_KEYS_DSN": around.dsns[KEYS],
        "RECOURSE_MASTER_KEY": master_key,
        "RECOURSE_KAFKA_BOOTSTRAP": around.broker.bootstrap,
        "RECOURSE_KAFKA_PROFILE": around.broker.profile.value,
        "RECOURSE_TOPICS_PREFIX": around.topics_prefix,
        "RECOURSE_PARTITIONS": str(around.broker.profile.partitions),
        "RECOURSE_HTTP_HOST": LOOPBACK,
        "RECOURSE_HTTP_PORT": str(port),
        "RECOURSE_SMTP_HOST": LOOPBACK,
        "RECOURSE_SMTP_PORT": str(around.smtp_port),
        "RECOURSE_ALLOW_LOCAL_WEBHOOKS": "true",
    }
    if around.simulated:
        environment["RECOURSE_SIMULATED_CLOCK"] = "true"
        # Each stop of the clock waits until every partition has been fetched empty.
        environment["RECOURSE_KAFKA_FETCH_MAX_WAIT_MS"] = "50"
    if around.packs:
        environment["RECOURSE_PACKS"] = os.pathsep.join(str(p.resolve()) for p in around.packs)
    if around.roster is not None:
        environment["RECOURSE_ROSTER_FILE"] = str(around.roster.resolve())
    if around.shadow is not None:
        environment["RECOURSE_SHADOW_PACK_DIR"] = str(around.shadow.resolve())
    if around.evidence is not None:
        environment["RECOURSE_EVIDENCE_STORE"] = around.evidence.resolve().as_uri()
    if around.issuer is not None:
        environment["RECOURSE_IDENTITY"] = "on"
        environment["RECOURSE_IDENTITY_ISSUER"] = around.issuer
    return scrubbed_environment(**environment)


def service_ports(folder: StateFolder) -> dict[str, int]:
    """The port of each service; to be asked before any of them listens."""
    remembered = folder.ports()
    return {service: remembered.port(service) for service in SERVICES}


def supervised_services(
    folder: StateFolder, ports: Mapping[str, int], around: Surroundings, command: ServiceCommand
) -> dict[str, Supervised]:
    """The services, not yet started."""
    master_key = folder.master_key_file().read_text()
    return {
        service: _supervised(
            service,
            command(service),
            service_environment(service, ports[service], around, master_key),
            folder,
        )
        for service in SERVICES
    }


def service_urls(ports: Mapping[str, int]) -> dict[str, str]:
    """The address of each service."""
    return {service: f"http://{LOOPBACK}:{port}" for service, port in ports.items()}


def _supervised(
    service: str, command: Sequence[str], environment: Mapping[str, str], folder: StateFolder
) -> Supervised:
    spec = ProcessSpec(
        name=service,
        command=lambda: command,
        environment=environment,
        log_file=folder.logs / f"{service}.log",
    )
    ready_url = f"http://{LOOPBACK}:{environment['RECOURSE_HTTP_PORT']}/readyz"
    return Supervised(spec, lambda: _until_ready(ready_url))


async def _until_ready(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=_PROBE_TIMEOUT_S) as client:
        while True:
            if await _is_ready(client, url):
                return
            await asyncio.sleep(_PAUSE_S)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False
