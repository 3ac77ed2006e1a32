"""Subject keys: two services that make one at once agree, and a full cache loses none in use."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from services.kit import sealing
from services.kit.db import Database
from services.kit.sealing import Sealer
from tests.support import kit


async def test_services_that_make_a_key_at_once_agree_on_it(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities:
        keys = await Database.open(dsns["keys"], name="other", size=4)
        sealers = [entities.sealer, *(Sealer(keys, kit.MASTER, f"other{n}") for n in range(4))]
        subjects = [uuid.uuid4() for _ in range(50)]
        await asyncio.gather(
            *(
                sealer.load(reversed(subjects) if turn % 2 else subjects, create=True)
                for turn, sealer in enumerate(sealers)
            )
        )
        for writer in sealers:
            for subject in subjects:
                blob = writer.seal(subject, b"x", b"row")
                assert blob is not None
                assert [reader.open(subject, blob, b"row") for reader in sealers] == [b"x"] * 5
        await keys.close()


async def test_a_full_cache_keeps_the_keys_that_were_just_asked_for(
    dsns: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_CACHE_SIZE", 10)
    async with kit.entities(dsns, kit.WRITER) as entities:
        sealer = entities.sealer
        first = [uuid.uuid4() for _ in range(12)]
        await sealer.load(first, create=True)
        mixed = [first[0], first[11], uuid.uuid4()]
        await sealer.load(mixed, create=True)
        assert all(sealer.seal(subject, b"x", b"row") for subject in mixed)
