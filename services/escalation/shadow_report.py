"""What a shadow pack would have done beside what was done: the body of `/v1/policies/shadow`.

Owns the reading and the words. An escalation that only one side has so far may still come on the
other: while cases run, "only so far" is all that can be said.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from services.escalation.core.policy import Policy
from services.escalation.store import QUERIES, Session
from services.kit.faults import NotFound

SAME_WITHIN: Final = timedelta(minutes=1)
"""Real rungs are entered some milliseconds late, shadows at the very instant."""
_KEPT_EXAMPLES: Final = 5
VERDICTS: Final = ("same", "earlier", "later", "only_real_so_far", "only_shadow_so_far")


async def shadow_report(session: Session, policy: Policy | None) -> dict[str, Any]:
    """By rung: escalations of the followed cases, by what the shadow pack makes of them.

    Raises `NotFound` where no pack runs in the shadow.
    """
    if policy is None:
        raise NotFound("no pack runs in the shadow: set RECOURSE_SHADOW_PACK_DIR")
    run = await session.fetchrow(QUERIES["shadow_run"], policy.digest)
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = {}
    for row in await session.fetch(QUERIES["shadow_report"], policy.digest):
        key = (row["rung"], verdict(row["before"], row["after"]))
        counts[key] += 1
        kept = examples.setdefault(key, [])
        if len(kept) < _KEPT_EXAMPLES and str(row["case_id"]) not in kept:
            kept.append(str(row["case_id"]))
    return {
        "policy": policy.pin.model_dump(),
        "since": run["begun_at"].isoformat(),
        "cases": run["cases"],
        "escalations": {
            rung: {
                name: {"count": counts[rung, name], "cases": examples.get((rung, name), [])}
                for name in VERDICTS
            }
            for rung in sorted({rung for rung, _ in counts})
        },
    }


def verdict(real: datetime | None, shadow: datetime | None) -> str:
    """What the shadow pack makes of one escalation."""
    if real is None:
        return "only_shadow_so_far"
    if shadow is None:
        return "only_real_so_far"
    if abs(shadow - real) <= SAME_WITHIN:
        return "same"
    return "earlier" if shadow < real else "later"
