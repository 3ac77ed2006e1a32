"""Histories played through a changed pack: how long for how many, and in how much memory.

Each history is a case of its own instants: opened in thirty days, most of them answered and solved
by people, some asked back, some left alone. The changed pack is stricter with every ordinary case,
so that none can be played once for both. The baseline reads the same lines and decodes their JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.sizes import Sizes
from services.escalation.core.rehearsal.history import FORMAT
from services.packs import DEFAULT_PACK, load_pack

_SEED: Final = 20261125
_FIRST: Final = datetime.fromisoformat("2026-10-12T09:00:00+08:00")
_TAKEN_AT: Final = datetime.fromisoformat("2026-11-20T09:00:00+08:00")
_DAYS: Final = 30
_CASES: Final = UUID("0d0f5c0e-8f4a-5b57-9d51-0a6f0f4c2f11")
_GOAL_S_PER_CASE: Final = 60 / 100_000
_CATEGORIES: Final = ("funds_not_received", "refund", "fees_exchange", "app_fault")
_AGENT: Final = {"role": "agent", "id": "A1024"}


class _Run(NamedTuple):
    seconds: float
    peak_mib: float


def measure(sizes: Sizes) -> Sequence[Row]:
    """Seconds for all cases, and the peak of any process beside that for a tenth of them."""
    with tempfile.TemporaryDirectory() as folder:
        whole, tenth = Path(folder) / "whole.ndjson", Path(folder) / "tenth.ndjson"
        _write(whole, sizes.histories)
        _write(tenth, sizes.histories // 10)
        pack = _stricter(Path(folder))
        runs = [_simulate(whole, pack) for _ in range(sizes.repetitions)]
        few = [_simulate(tenth, pack) for _ in range(sizes.repetitions)]
        bare = [_decode(whole) for _ in range(sizes.repetitions)]
    return [
        Row(
            f"{sizes.histories:,} cases played under two packs",
            "s",
            Samples.of(run.seconds for run in runs),
            "decoding the lines",
            Samples.of(bare),
            Better.LOWER,
            sizes.histories * _GOAL_S_PER_CASE,
        ),
        Row(
            "memory of a process that plays them",
            "MiB",
            Samples.of(run.peak_mib for run in runs),
            "for a tenth of the cases",
            Samples.of(run.peak_mib for run in few),
            Better.LOWER,
        ),
    ]


def _stricter(folder: Path) -> Path:
    text = (DEFAULT_PACK / "pack.yaml").read_text(encoding="utf-8")
    changed = text.replace("PT15M, unit: business", "PT10M, unit: business")
    if changed == text:
        raise NotMeasured("the shipped pack has no PT15M to change")
    (folder / "pack.yaml").write_text(changed, encoding="utf-8")
    return folder / "pack.yaml"


def _simulate(history: Path, pack: Path) -> _Run:
    """The command as people run it, in a process of its own."""
    command = [sys.executable, "-m", "services.cli", "policy", "simulate", str(history)]
    started = time.perf_counter()
    quiet = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawn(
        sys.executable,
        [*command, "--pack", str(pack), "--json"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1), (os.POSIX_SPAWN_DUP2, quiet, 2)],
    )
    os.close(quiet)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise NotMeasured("policy simulate failed")
    return _Run(time.perf_counter() - started, usage.ru_maxrss / 1024)


def _decode(history: Path) -> float:
    started = time.perf_counter()
    with history.open("rb") as lines:
        for line in lines:
            json.loads(line)
    return time.perf_counter() - started


def _write(path: Path, count: int) -> None:
    loaded = load_pack(DEFAULT_PACK)
    pin = {"name": loaded.pack.name, "version": loaded.pack.version, "digest": loaded.digest}
    policies = [{**pin, "document": json.loads(loaded.canonical_json)}]
    head = {
        "format": FORMAT,
        "taken_at": _TAKEN_AT.isoformat(),
        "policies": policies,
    }
    chance = random.Random(_SEED)
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head) + "\n")
        for number in range(count):
            case_id = uuid5(_CASES, str(number))
            entries = list(_life(case_id, pin, chance))
            line = {"case_id": str(case_id), "policy": loaded.digest, "entries": entries}
            file.write(json.dumps(line) + "\n")


def _life(case_id: UUID, pin: dict[str, str], chance: random.Random) -> Iterator[dict[str, Any]]:
    """What happened to one case: most are solved in hours, some asked back, some left for days."""
    at = _FIRST + timedelta(minutes=chance.randrange(_DAYS * 24 * 60))
    yield _event(case_id, "case.opened", at, _opening(case_id, pin, at, chance))
    kind = chance.random()
    at += timedelta(minutes=chance.randrange(2, 90))
    yield _command(case_id, "claim", at)
    yield _event(case_id, "customer.replied_to", at, {"status": "open", "channel": "email"})
    if kind < 0.2:
        at += timedelta(minutes=20)
        yield _event(case_id, "customer.asked", at, {"status": "waiting_customer"})
        at += timedelta(hours=chance.randrange(1, 40))
        yield _event(case_id, "customer.answered", at, {"status": "open"})
    at += timedelta(hours=chance.randrange(60, 100) if kind > 0.9 else chance.randrange(1, 9))
    yield _event(case_id, "case.resolved", at, {"status": "resolved"})
    at += timedelta(hours=3)
    yield _event(case_id, "case.confirmed", at, {"status": "closed"})


def _opening(
    case_id: UUID, pin: dict[str, str], at: datetime, chance: random.Random
) -> dict[str, Any]:
    instants = {"occurred_at": at.isoformat(), "started_at": at.isoformat()}
    return {
        "data_subject": str(uuid5(case_id, "subject")),
        "category": chance.choice(_CATEGORIES),
        "severity": "normal",
        "lane": "ordinary",
        "policy": pin,
        "channel": "phone",
        "status": "open",
        **instants,
    }


def _event(case_id: UUID, name: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "event",
        "trigger": str(uuid5(case_id, f"{name}:{at}")),
        "name": f"recourse.{name}.v1",
        "recorded_at": at.isoformat(),
        "now": at.isoformat(),
        "data": data,
    }


def _command(case_id: UUID, name: str, at: datetime) -> dict[str, Any]:
    return {
        "kind": "command",
        "trigger": str(uuid5(case_id, f"{name}:{at}")),
        "name": name,
        "now": at.isoformat(),
        "data": {"command": {"command": name, "by": _AGENT}, "stale": False},
    }
