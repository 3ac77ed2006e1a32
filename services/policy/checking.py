"""`recourse policy check`: several packs and a roster looked at together, each finding with a line.

Owns the report: what is an error and what a warning, and in which order they are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from schemas.pack_checks import PackProblem
from services.escalation.core.doubts import Staffed, doubts_about_rungs, staffed
from services.escalation.staff import load_roster
from services.policy.examples import broken_promises, read_examples
from services.policy.findings import Finding, Kind, findings_of
from services.policy.loading import ReadPolicy, read_policy
from services.policy.matches import match_findings
from services.policy.messages import message_findings
from services.yaml_files import InvalidFileError

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to repair or to look at. `text` is `file:line: place: what, and what instead`."""

    severity: Severity
    kind: str
    text: str

    def to_plain(self) -> dict[str, Any]:
        """As JSON says it: file and line apart from the words."""
        file, line, message = self.text.split(":", 2)
        where = {"file": file, "line": int(line)}
        return {"severity": self.severity, "kind": self.kind, **where, "message": message.strip()}


@dataclass(slots=True)
class Report:
    """What was looked at, and everything found."""

    lines: list[Line] = field(default_factory=list)
    packs: list[str] = field(default_factory=list)
    examples: int = 0

    def summary(self) -> str:
        """The last line that a person reads."""
        errors = sum(1 for line in self.lines if line.severity == "error")
        counts = f"{_many(errors, 'error')}, {_many(len(self.lines) - errors, 'warning')}"
        return f"{_many(len(self.packs), 'pack')}, {_many(self.examples, 'example')}: {counts}"

    def to_plain(self) -> dict[str, Any]:
        """As JSON says it."""
        lines = [line.to_plain() for line in self.lines]
        return {"packs": self.packs, "examples": self.examples, "findings": lines}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to check, and against what."""

    folders: Sequence[Path]
    roster: Path | None
    today: datetime
    margin: timedelta


def check(wanted: Wanted) -> Report:
    """Everything that is wrong or doubtful; a file that cannot be read hides nothing of others."""
    report = Report()
    staff = _staff(wanted.roster, report)
    policies = [read for folder in wanted.folders if (read := _read(folder, report)) is not None]
    for folder, policy in policies:
        report.packs.append(f"{policy.pack.name} {policy.policy.digest}")
        found = [*findings_of(policy.policy, wanted.today, wanted.margin)]
        found += [*message_findings(policy.pack), *_unstaffed(staff, policy)]
        report.lines += (_line(policy, each) for each in found)
        report.lines += _examples(folder, policy, report)
    for policy, each in match_findings([policy for _, policy in policies]):
        report.lines.append(_line(policy, each))
    report.lines = list(dict.fromkeys(report.lines))
    return report


def _staff(roster: Path | None, report: Report) -> Staffed | None:
    if roster is None:
        return None
    try:
        return staffed(load_roster(roster).roster)
    except InvalidFileError as error:
        report.lines += _errors(error)
        return None


def _read(folder: Path, report: Report) -> tuple[Path, ReadPolicy] | None:
    try:
        return folder, read_policy(folder)
    except InvalidFileError as error:
        report.lines += _errors(error)
        return None


def _errors(error: InvalidFileError) -> Iterator[Line]:
    return (Line("error", "invalid_file", text) for text in error.lines)


def _unstaffed(staff: Staffed | None, policy: ReadPolicy) -> Iterable[Finding]:
    if staff is not None:
        for problem in doubts_about_rungs(staff, policy.pack):
            yield Finding(Kind.RUNG_WITHOUT_GROUP, problem)


def _examples(folder: Path, policy: ReadPolicy, report: Report) -> Iterator[Line]:
    """The pack's own tests: that they hold, and that there are any."""
    try:
        examples = read_examples(folder)
    except InvalidFileError as error:
        yield from _errors(error)
        return
    if examples is None:
        found = "the pack has no examples.yaml: write what it shall do to a case, as its tests"
        yield _line(policy, Finding(Kind.NO_EXAMPLES, PackProblem((), found)))
        return
    report.examples += len(examples.examples)
    for text in examples.document.lines_about(broken_promises(policy.policy, examples)):
        yield Line("error", Kind.EXAMPLE_BROKEN, text)


def _line(policy: ReadPolicy, found: Finding) -> Line:
    return Line("warning", found.kind, policy.line_of(found.problem))


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
