"""Every shipped pack keeps the promises of its own `examples.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.escalation import OfferMade, RungEntered
from services.escalation.core.policy import Policy, compile_policy
from services.packs import SHIPPED_PACKS, load_pack
from services.yaml_files import read_yaml
from tests.support.ladder import Ladder, at

SHANGHAI = ZoneInfo("Asia/Shanghai")
PACKS = sorted(folder.parent for folder in SHIPPED_PACKS.glob("*/pack.yaml"))
EXAMPLES = [
    (pack, example)
    for pack in PACKS
    for example in read_yaml(pack / "examples.yaml").plain["examples"]
]


def run(example: Mapping[str, Any], policy: Policy) -> Ladder:
    """Plays an example to its end."""
    ladder = Ladder(policy)
    opening = dict(example["open"])
    opened_at = opening.pop("at")
    ladder.now = at(opened_at)
    ladder.open(opened_at, **opening)
    for step in example.get("steps", ()):
        ladder.run_until(step["at"])
        status = {"status": step["status"]} if "status" in step else {}
        ladder.event(step["event"], step["at"], **step.get("with", {}), **status)
    ladder.run_until(example["until"])
    return ladder


def moves(ladder: Ladder) -> Iterator[dict[str, str]]:
    """Every entry into a rung and every offer, in order."""
    made_at = {offer.id: offer.made_at for offer in ladder.state.offers}
    for event in ladder.events:
        if isinstance(event, RungEntered):
            where = {"rung": event.rung, "group": event.owner_group}
            yield {"at": minute(event.entered_at), **where, "reason": event.reason.value}
        if isinstance(event, OfferMade):
            offered = {"offer": event.offered_rung, "reason": event.reason.value}
            yield {"at": minute(made_at[event.offer_id]), **offered}


def minute(instant: datetime) -> str:
    """As an example writes it; seconds would show."""
    return instant.astimezone(SHANGHAI).replace(tzinfo=None).isoformat().removesuffix(":00")


@pytest.mark.parametrize(("pack", "example"), EXAMPLES, ids=[one["name"] for _, one in EXAMPLES])
def test_pack_keeps_its_examples(pack: Path, example: Mapping[str, Any]) -> None:
    loaded = load_pack(pack)
    ladder = run(example, compile_policy(loaded.pack, loaded.digest))
    expected = example["expect"]
    found = list(moves(ladder))
    for move, wanted in zip(found, expected, strict=False):
        if "group" not in wanted:
            move.pop("group", None)
    assert found == expected
