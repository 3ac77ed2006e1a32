"""A pack read from its folder and made ready to decide with.

Owns finding all mistakes at once, those of calendars too. What they mean for a case is the
engine's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas.pack import Pack
from schemas.pack_checks import PackProblem
from services.escalation.core.pack_calendars import calendar_problems
from services.escalation.core.policy import Policy, compile_policy
from services.packs import load_pack, pack_document
from services.yaml_files import Document


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """A pack, where it stands in its file, and the policy that it comes to."""

    document: Document
    policy: Policy

    @property
    def pack(self) -> Pack:
        """The pack."""
        return self.policy.pack

    def line_of(self, problem: PackProblem) -> str:
        """The problem as `file:line: place: what is wrong`."""
        return next(iter(self.document.lines_about([problem])))


def read_policy(path: Path) -> ReadPolicy:
    """The policy in a folder or file. Raises `InvalidFileError` with every mistake."""
    loaded = load_pack(path, [calendar_problems])
    return ReadPolicy(pack_document(path), compile_policy(loaded.pack, loaded.digest))


def read_policies(paths: Iterable[Path]) -> list[ReadPolicy]:
    """Several, in the order in which they are asked. Raises `InvalidFileError`."""
    return [read_policy(path) for path in paths]
