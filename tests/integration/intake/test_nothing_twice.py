"""The same report by HTTP twice, by Kafka twice, by both, in any order and at once: one case.

Each round draws who sends what by which road and in which order, to two replicas, with reports and
contacts of others between; what must come out of it does not depend on what was drawn.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.cases import report_body
from tests.support.intake import Intake
from tests.support.intake import intake as running

ROUNDS = 6
REPORTS = 8


@dataclass
class Round:
    """What is sent in a round; `matters` of the reports share customer and transaction, or
    customer and category."""

    name: str
    rng: random.Random
    replicas: list[Intake]
    answers: defaultdict[str, list[httpx.Response]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def body(self, number: int) -> dict[str, Any]:
        """A report; each third one is about the matter of the one before it."""
        matter = number - 1 if number % 3 == 2 else number
        about: dict[str, Any] = {"transaction": {"id": f"{self.name}-tx-{matter}"}}
        if matter % 2:
            about = {"transaction": None, "category": "account_access"}
        customer = {"id": f"{self.name}-{matter}"}
        return report_body(external_id=f"{self.name}-{number}", customer=customer, **about)

    async def run(self) -> None:
        """Send everything, in a drawn order, at once."""
        numbers = [n for n in range(REPORTS) for _ in range(self.rng.randint(2, 4))]
        self.rng.shuffle(numbers)
        work: list[Awaitable[None]] = []
        while numbers:
            if self.rng.random() < 0.5:
                work.append(self._by_http(numbers.pop()))
                continue
            size = self.rng.randint(1, 6)
            work.append(self._by_kafka(numbers[:size]))
            numbers = numbers[size:]
        await asyncio.gather(*work)

    async def _by_http(self, number: int) -> None:
        replica = self.rng.choice(self.replicas)
        key = self.rng.choice(["", "k1", "k2"])
        headers = {"Idempotency-Key": f"{self.name}-{number}-{key}"} if key else {}
        answer = await replica.post("", self.body(number), **headers)
        assert answer.status_code in (200, 201), answer.text
        self.answers[f"{self.name}-{number}"].append(answer)

    async def _by_kafka(self, numbers: list[int]) -> None:
        """A batch; a message may be there twice, with the same id or another."""
        replica = self.rng.choice(self.replicas)
        await replica.consume(
            *(
                replica.record(
                    "case.reported",
                    self.body(number),
                    f"{self.name}-{number}-{self.rng.randint(0, 1)}",
                )
                for number in numbers
            )
        )


async def outcome(intake: Intake) -> tuple[Counter[str], dict[str, Any]]:
    names = Counter(await intake.event_names())
    rows = await intake.entities.db.fetch("SELECT identity, case_id FROM case_identity")
    return names, {row["identity"]: row["case_id"] for row in rows}


@pytest.mark.parametrize("seed", range(4))
async def test_any_number_of_times_by_any_road_is_one_case(
    dsns: Mapping[str, str], by_category: Intake, pack_by_category: str, seed: int
) -> None:
    intake, rng = by_category, random.Random(seed)
    async with running(dsns, packs=pack_by_category) as other:
        rounds = [Round(f"{seed}.{n}", rng, [intake, other]) for n in range(ROUNDS)]
        for each in rounds:
            await each.run()
    names, identities = await outcome(intake)
    joined = ROUNDS * len([n for n in range(REPORTS) if n % 3 == 2])
    assert names == {"case.opened": ROUNDS * REPORTS - joined, "contact.added": joined}
    assert len(identities) == ROUNDS * REPORTS
    assert len(set(identities.values())) == ROUNDS * REPORTS - joined
    assert await intake.dead_letters() == []
    for each in rounds:
        for answers in each.answers.values():
            assert len({answer.json()["id"] for answer in answers}) == 1
    await nothing_is_missing_in_any_stream(intake)


async def nothing_is_missing_in_any_stream(intake: Intake) -> None:
    streams = defaultdict(list)
    for row in await intake.log():
        streams[row["entity"]].append(row["seq"])
    assert all(found == list(range(1, len(found) + 1)) for found in streams.values())


async def test_among_many_others_in_one_group(intake: Intake) -> None:
    """Sixty at once, of which each third is the same report, one is refused and one conflicts."""
    bodies = [report_body(external_id=f"r{n}", customer={"id": f"c{n}"}) for n in range(40)]
    same = report_body()
    bad = report_body(external_id="soon", occurred_at="2027-01-01T00:00:00+08:00")
    reused = {"Idempotency-Key": "k"}
    await intake.post("", report_body(external_id="before"), **reused)
    posts = [intake.post("", body) for body in bodies] + [intake.post("", same) for _ in range(20)]
    posts += [intake.post("", bad), intake.post("", same, **reused)]
    random.Random(1).shuffle(posts)
    answers = await asyncio.gather(*posts)
    codes = Counter(answer.status_code for answer in answers)
    assert codes[422] == 2
    assert codes[200] + codes[201] == 60
    names = Counter(await intake.event_names())
    assert names["case.opened"] + names["contact.added"] == 42
    _, identities = await outcome(intake)
    assert len(identities) == 42


async def test_commands_and_contacts_of_one_case_at_once_follow_one_another(
    intake: Intake,
) -> None:
    case_id = (await intake.post("", report_body())).json()["id"]
    orders = [intake.order(case_id, "reply", text=f"{n}", channel="chat") for n in range(10)]
    contacts = [intake.post(f"/{case_id}/contacts", {"channel": "chat"}) for _ in range(10)]
    withdrawn = intake.order(case_id, "withdraw", reason="x")
    answers = await asyncio.gather(*orders, *contacts, withdrawn)
    taken = [answer for answer in answers if answer.status_code in (200, 201)]
    positions = sorted(int(answer.json()["position"].split(":")[1]) for answer in taken)
    assert positions == list(range(2, len(taken) + 2))
    refused = {answer.status_code for answer in answers} - {200, 201}
    assert refused <= {409}
    await nothing_is_missing_in_any_stream(intake)
