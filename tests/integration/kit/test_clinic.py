"""Dead letters: looked at, requeued after a repair, skipped; the case goes on."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from services.kit.clinic import Clinic
from services.kit.faults import NotFound, Refused
from services.kit.unit import Entities
from tests.integration.kit.test_repair import consumer_of, written
from tests.support import kit


def clinic_of(reader: Entities, logic: kit.Memory) -> Clinic:
    return Clinic(reader, kit.reader(""), logic, None)


async def test_a_requeued_letter_closes_the_gap(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        records = await written(writer, case, ["1", "2", "3"])
        sick = kit.Memory(poison="2")
        await consumer_of(reader, sick).handle(records)
        (letter,) = await clinic_of(reader, sick).dead_letters()
        assert (letter["case_id"], letter["sequence"]) == (str(case), 2)
        with pytest.raises(Refused, match="still_not_taken"):
            await clinic_of(reader, sick).requeue(letter["hash"])
        cured = clinic_of(reader, kit.Memory())
        await cured.requeue(letter["hash"])
        entity = await reader.read(case)
        assert (kit.heard_by(entity), entity and entity.parked) == (["1", "2", "3"], 0)
        assert await cured.dead_letters() == []


async def test_a_skipped_letter_counts_as_applied(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        records = await written(writer, case, ["1", "2", "3"])
        sick = kit.Memory(poison="2")
        await consumer_of(reader, sick).handle(records)
        clinic = clinic_of(reader, sick)
        (letter,) = await clinic.dead_letters()
        shown = await clinic.show(letter["hash"])
        assert base64.b64decode(shown["original"]["value"]) == records[1].value
        assert [p["sequence"] for p in await clinic.parked()] == [3]
        await clinic.skip(letter["hash"])
        assert kit.heard_by(await reader.read(case)) == ["1", "3"]
        assert await clinic.parked() == []


async def test_an_unknown_letter_is_not_found(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.READER) as reader:
        with pytest.raises(NotFound):
            await clinic_of(reader, kit.Memory()).show("00")


async def test_lists_have_no_end_that_nobody_named(dsns: dict[str, str]) -> None:
    """A thousand settled ones hid all others; what lay beyond a thousand was never shown."""
    async with kit.entities(dsns, kit.READER) as reader:
        await reader.db.execute(
            "INSERT INTO dead_letter (hash, topic, part, offset_, reason, raw, at, settled)"
            " SELECT int4send(n), 'reports', 0, n, 'not_json', '', now() + n * interval '1 us',"
            " CASE WHEN n > 2300 THEN 'skipped' END FROM generate_series(1, 3400) AS n"
        )
        await reader.db.execute(
            "INSERT INTO parked (entity, topic, seq, hash, reason, part, raw, at)"
            " SELECT $1, 'cases', n, int4send(n), 'gap', 0, '', now()"
            " FROM generate_series(1, 2300) AS n",
            uuid.uuid4(),
        )
        clinic = clinic_of(reader, kit.Memory())
        letters = await _every(clinic.dead_letters)
        parked = await _every(clinic.parked)
    assert [letter["offset"] for letter in letters] == list(range(2300, 0, -1))
    assert [record["sequence"] for record in parked] == list(range(1, 2301))


async def _every(page_after: Callable[..., Awaitable[list[dict[str, Any]]]]) -> list[Any]:
    found: list[Any] = []
    page = await page_after()
    while page:
        found += page
        page = await page_after(datetime.fromisoformat(page[-1]["at"]), page[-1]["hash"])
    return found
