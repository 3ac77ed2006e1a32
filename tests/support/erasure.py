"""Erasing in a town: two persons, and the watches of all services, stepped by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from schemas.wire import Wire
from services.kit.erasure.watch import ErasureWatch
from services.kit.sorting import Reader
from services.kit.wire import StoredRecord
from tests.support.town import House, Town

FIRST = {"role": "ops", "id": "ops-1"}
SECOND = {"role": "ops", "id": "ops-2"}
_WIRE = Wire()
_LOG = """SELECT topic, entity, seq, id, type, after, recordedat, prevhash, value FROM log
WHERE entity IS NOT NULL ORDER BY entity, topic, seq"""


def reader_of(house: House) -> Reader:
    """How a service sorts records."""
    streams, blueprint = house.blueprint.streams, house.blueprint
    control, codec = blueprint.control_topic, house.entities.codec
    return Reader("", streams.inputs, blueprint.foreign_topics, control, codec)


def watch_of(house: House, seconds: Callable[[], float] = lambda: 0.0) -> ErasureWatch:
    """What every replica of a service runs; its own clock stands still."""
    return ErasureWatch(house.entities, reader_of(house), house.parts.forget, seconds)


async def ask(here: Town, by: dict[str, str] = FIRST, **wanted: Any) -> httpx.Response:
    """One person asks."""
    body = {"reason": "customer_request", "by": by, **wanted}
    return await here.clients["intake"].post("/v1/erasures", json=body)


async def confirm(here: Town, id: str, by: dict[str, str] = SECOND) -> httpx.Response:
    """Another person confirms."""
    return await here.clients["intake"].post(f"/v1/erasures/{id}/confirm", json={"by": by})


async def erase(here: Town, **wanted: Any) -> dict[str, Any]:
    """Erase, and let every service hear of it; answers the ledger's entry."""
    asked = await ask(here, **wanted)
    assert asked.status_code == 201, asked.text
    confirmed = await confirm(here, asked.json()["id"])
    assert confirmed.status_code == 200, confirmed.text
    await heard(here)
    after = await here.clients["intake"].get(f"/v1/erasures/{asked.json()['id']}")
    return dict(after.json())


async def heard(here: Town) -> None:
    """Every service hears who was erased."""
    for house in here.houses.values():
        await watch_of(house).step()


def report_record(value: Any, number: int, kind: str = "case.reported") -> StoredRecord:
    """A record of topic `reports`; `value` is JSON-ready, or the bytes themselves."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"m-{number}",
        "ce_source": "core-banking",
        "ce_type": kind,
        "content-type": "application/json",
    }
    raw = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    pairs = [(name, text.encode()) for name, text in headers.items()]
    return StoredRecord("reports", 0, number, b"key", raw, pairs)


async def check_chains(here: Town) -> int:
    """Every event of every service fits the one before it in its stream; answers how many."""
    logs = {name: await house.entities.db.fetch(_LOG) for name, house in here.houses.items()}
    return sum(linked(log, name) for name, log in logs.items())


def linked(log: Iterable[Any], source: str) -> int:
    """Rows of a log, each stream in order: each fits the one before it; answers how many."""
    checked = 0
    last: dict[Any, tuple[int, bytes]] = defaultdict(lambda: (0, b""))
    for row in log:
        place = (row["topic"], row["entity"])
        assert (row["seq"] - 1, row["prevhash"]) == last[place], place
        event = _WIRE.make(
            row["id"], source, row["type"], row["entity"], row["seq"], row["after"],
            row["recordedat"], row["prevhash"], row["value"],
        )  # fmt: skip
        last[place] = (row["seq"], event.digest())
        checked += 1
    return checked
