"""Dead letters: looked at, requeued after a repair, skipped; the case goes on."""

from __future__ import annotations

import base64
import uuid

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
