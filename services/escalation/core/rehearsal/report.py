"""What a rehearsal says: as data, as Markdown for a review, and whether it may pass.

Owns the words and the bounds. Instants and counts come from the tally; nothing is rounded away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from services.escalation.core.policy import Policy
from services.escalation.core.rehearsal.comparison import Verdict
from services.escalation.core.rehearsal.tally import SHIFT_BOUNDS, Side, Tally, hours_of

FORMAT = "recourse.rehearsal.v1"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many escalations may come later, never, earlier or anew; None: any number.

    `more_messages`: by how many per cent the messages may grow. `unplayable`: histories that could
    not be played.
    """

    later: int | None = None
    never: int | None = None
    earlier: int | None = None
    new: int | None = None
    more_messages: float | None = None
    unplayable: int | None = 0

    def exceeded(self, tally: Tally) -> list[str]:
        """What goes beyond a bound, in words; empty: it may pass."""
        return list(self._exceeded(tally))

    def _exceeded(self, tally: Tally) -> Iterator[str]:
        found: dict[str, float] = {verdict.value: tally.total(verdict) for verdict in Verdict}
        found |= {"unplayable": tally.unplayable.total(), "more_messages": _growth(tally)}
        for bound in fields(self):
            allowed = getattr(self, bound.name)
            if allowed is not None and found[bound.name] > allowed:
                yield f"{bound.name.replace('_', ' ')}: {found[bound.name]:,} > {allowed:,}"


def _growth(tally: Tally) -> float:
    """Messages of the new policy beyond those of the old one, in per cent."""
    before, after = tally.old.messages.total(), tally.new.messages.total()
    if before == 0:
        return 0.0 if after == 0 else float("inf")
    return round((after - before) * 100 / before, 2)


def as_data(tally: Tally, new: Policy, bounds: Bounds) -> dict[str, Any]:
    """The whole report as JSON has it."""
    exceeded = bounds.exceeded(tally)
    return {
        "format": FORMAT,
        "policy": new.pin.model_dump(),
        "cases": tally.cases,
        "changed": tally.changed,
        "escalations": _escalations(tally),
        "messages": _both(tally.old.messages, tally.new.messages),
        "missed_clocks": _both(tally.old.missed, tally.new.missed),
        "refused_commands": _both(tally.old.refused, tally.new.refused),
        "load": {"old": _load(tally.old), "new": _load(tally.new)},
        "unplayable": dict(tally.unplayable),
        "unplayable_lines": tally.given_up,
        "passed": not exceeded,
        "exceeded": exceeded,
    }


def _escalations(tally: Tally) -> dict[str, Any]:
    """By rung: how many of each verdict, how far they move, and a few cases to look at."""
    rungs = sorted({rung for rung, _ in tally.verdicts})
    return {rung: {v.value: _verdict(tally, rung, v) for v in Verdict} for rung in rungs}


def _verdict(tally: Tally, rung: str, verdict: Verdict) -> dict[str, Any]:
    found: dict[str, Any] = {"count": tally.verdicts[rung, verdict]}
    moved = {
        bound: tally.shifts[rung, verdict, place] for place, bound in enumerate(_bound_names())
    }
    if any(moved.values()):
        found["moved_by_up_to"] = {bound: count for bound, count in moved.items() if count}
    if (rung, verdict) in tally.examples:
        found["cases"] = [str(case_id) for case_id in tally.examples[rung, verdict]]
    return found


def _bound_names() -> list[str]:
    hours = [bound.total_seconds() / 3600 for bound in SHIFT_BOUNDS]
    names = [f"{round(h * 60)} min" if h < 1 else f"{round(h)} h" for h in hours]
    return [*names, "more"]


def _both(old: Counter[Any], new: Counter[Any]) -> dict[str, dict[str, int]]:
    names = sorted(old.keys() | new.keys())
    return {str(name): {"old": old[name], "new": new[name]} for name in names}


def _load(side: Side) -> list[dict[str, Any]]:
    """Arrivals by rung, group and hour of the day, in the policy's zone."""
    found = sorted(hours_of(side.loads).items())
    return [
        {"rung": rung, "group": group, "hour": hour, "arrivals": count}
        for (rung, group, hour), count in found
    ]


def as_markdown(report: Mapping[str, Any]) -> str:
    """The report as a comment on a change: what it does to whom, then the details."""
    parts = (_headline(report), _rung_table(report), _load_table(report), _details(report))
    return "\n".join(line for part in parts for line in (*part, ""))


def _headline(report: Mapping[str, Any]) -> Iterator[str]:
    policy = report["policy"]
    yield f"## Policy {policy['name']} {policy['version']} rehearsed"
    yield ""
    yield f"{report['cases']:,} cases played, {report['changed']:,} go another way."
    verdict = "may pass" if report["passed"] else "must not pass"
    yield f"**The change {verdict}.**" + "".join(f" {why};" for why in report["exceeded"])


def _rung_table(report: Mapping[str, Any]) -> Iterator[str]:
    yield "| rung | same | earlier | later | never | new |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for rung, found in report["escalations"].items():
        counts = " | ".join(f"{found[verdict.value]['count']:,}" for verdict in Verdict)
        yield f"| {rung} | {counts} |"


def _load_table(report: Mapping[str, Any]) -> Iterator[str]:
    """How many cases come to whom, and at which hour of the day most of them do."""
    yield "| rung | group | arrivals | busiest hour |"
    yield "| --- | --- | ---: | ---: |"
    old, new = (_by_group(report["load"][side]) for side in ("old", "new"))
    for rung, group in sorted(old.keys() | new.keys()):
        before, after = old.get((rung, group), {}), new.get((rung, group), {})
        arrivals = f"{sum(before.values()):,} -> {sum(after.values()):,}"
        yield f"| {rung} | {group} | {arrivals} | {_busiest(before)} -> {_busiest(after)} |"


def _by_group(load: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[int, int]]:
    """Arrivals by hour, for each rung and group."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for row in load:
        found.setdefault((row["rung"], row["group"]), {})[row["hour"]] = row["arrivals"]
    return found


def _busiest(hours: Mapping[int, int]) -> str:
    hour = max(hours, key=lambda each: hours[each], default=None)
    return "none" if hour is None else f"{hour:02}:00 ({hours[hour]:,})"


def _details(report: Mapping[str, Any]) -> Iterator[str]:
    titles = {
        "messages": "messages",
        "missed_clocks": "missed clocks",
        "refused_commands": "commands that would have been refused",
    }
    for part, title in titles.items():
        for name, both in report[part].items():
            yield f"- {title}, {name}: {both['old']:,} -> {both['new']:,}"
    for why, count in report["unplayable"].items():
        yield f"- could not be played: {count:,} ({why})"
