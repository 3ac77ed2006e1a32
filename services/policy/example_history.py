"""A pack's examples as a history, for `recourse policy simulate` where nothing happened yet.

Owns the lines. What is in them is what an export has: what happened, not what came of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID, uuid5

from services.escalation.core.policy import compile_policy
from services.escalation.core.rehearsal.history import FORMAT, history_of
from services.packs import LoadedPack
from services.policy.examples import Examples, ends_at, played

_CASES: Final = UUID("3b0f4a55-2b38-5f0c-8a5d-6f2b1f0f9c01")


def lines_of(loaded: LoadedPack, examples: Examples) -> Iterator[dict[str, Any]]:
    """The head, then a line for each example. Raises `ValueError` where one cannot be played."""
    policy = compile_policy(loaded.pack, loaded.digest)
    document = json.loads(loaded.canonical_json)
    taken_at = max((ends_at(policy, example) for example in examples.examples), default=None)
    if taken_at is None:
        raise ValueError("the pack has no examples")
    pinned = {**policy.pin.model_dump(), "document": document}
    yield {"format": FORMAT, "taken_at": taken_at.isoformat(), "policies": [pinned]}
    for example in examples.examples:
        happened = played(policy, example).happened
        history = history_of(uuid5(_CASES, example.name), happened)
        yield history.model_dump(mode="json", exclude_defaults=True)
