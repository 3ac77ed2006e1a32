"""`recourse policy simulate`: exported histories played through a changed pack, on every core.

Owns the reading of the export (NDJSON, also gzipped), the processes and the pace: so many lines are
under way at a time, whatever the size of the file, so memory stays flat. What a case comes to is
the core's (`core/rehearsal`).
"""

from __future__ import annotations

import gc
import gzip
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from schemas.pack import Pack
from services.escalation.core.journal import PinnedPolicy
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.rehearsal.alike import Likeness
from services.escalation.core.rehearsal.comparison import differences
from services.escalation.core.rehearsal.history import Head, History
from services.escalation.core.rehearsal.play import play
from services.escalation.core.rehearsal.tally import Tally
from services.packs import LoadedPack, canonical, digest_of

_LINES_AT_ONCE: Final = 200
_AHEAD: Final = 3
"""Batches that wait for each process."""
_FORK_SAFE: Final = "spawn"

Line = tuple[int, bytes]
Advanced = Callable[[int], None]
"""Told how many bytes of the file are done with."""


class UnusableHistoryError(ValueError):
    """A file that is no export of histories; the text names the line."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Both policies, compiled once per process: those of the export by digest, and the new one."""

    old: Mapping[str, Policy]
    new: Policy
    likeness: Mapping[str, Likeness]
    until: datetime

    def play(self, lines: list[Line]) -> Tally:
        """Play these cases under both policies."""
        tally = Tally()
        for number, line in lines:
            try:
                self._play(tally, History.model_validate_json(line))
            except ValueError as error:
                tally.give_up(number, _why(error))
        return tally

    def _play(self, tally: Tally, history: History) -> None:
        old = self.old.get(history.policy)
        if old is None:
            raise UnusableHistoryError("its policy is not in the head of the export")
        before = play(history, old.pack, old, self.until)
        alike = self.likeness[history.policy].holds_for(history)
        after = before if alike else play(history, old.pack, self.new, self.until)
        found = differences(before, after)
        tally.add(history.case_id, before, after, found, self.new.zone)


def rehearse(file: Path, new: LoadedPack, advanced: Advanced, workers: int | None = None) -> Tally:
    """Play every case of an export under its own policy and under the new one.

    Raises `UnusableHistoryError` where the file has no head. What is wrong with a single line is
    counted, never fatal.
    """
    count = workers or os.cpu_count() or 1
    with _lines(file, advanced) as lines:
        head = read_head(file, next(lines, (1, b""))[1])
        setting = (head.model_dump_json(), new.canonical_json)
        _begin(*setting)  # what cannot be used is found here, not in every process
        context = get_context(_FORK_SAFE)
        with ProcessPoolExecutor(count, context, _begin_process, setting) as pool:
            return _play_all(pool, lines, count * _AHEAD)


def _play_all(pool: ProcessPoolExecutor, lines: Iterator[Line], ahead: int) -> Tally:
    whole = Tally()
    under_way: deque[Future[Tally]] = deque()
    while batch := list(islice(lines, _LINES_AT_ONCE)):
        under_way.append(pool.submit(_play_batch, batch))
        if len(under_way) > ahead:
            whole.join(under_way.popleft().result())
    for remaining in under_way:
        whole.join(remaining.result())
    return whole


def read_head(file: Path, line: bytes) -> Head:
    """The first line of an export. Raises `UnusableHistoryError`."""
    try:
        return Head.model_validate_json(line)
    except ValidationError as error:
        raise UnusableHistoryError(
            f"{file}:1: not the head of an export (`recourse policy history` writes one): "
            f"{_why(error)}"
        ) from error


def stage(head: Head, new: Policy) -> Stage:
    """The policies of an export beside the new one. Raises `UnusableHistoryError`."""
    old = {pinned.digest: _compiled(pinned) for pinned in head.policies}
    likeness = {digest: Likeness(policy.pack, new.pack) for digest, policy in old.items()}
    return Stage(old, new, likeness, head.taken_at)


def _compiled(pinned: PinnedPolicy) -> Policy:
    digest = digest_of(canonical(pinned.document))
    if digest != pinned.digest:
        raise UnusableHistoryError(
            f"policy {pinned.name} {pinned.version}: the export says {pinned.digest}, its document "
            f"has {digest}"
        )
    return compile_policy(Pack.model_validate(pinned.document), digest)


_STAGE: Final[list[Stage]] = []
"""The one stage of a worker process, set up when it begins."""


def _begin(head: str, document: str) -> None:
    new = compile_policy(Pack.model_validate_json(document), digest_of(document))
    _STAGE[:] = [stage(Head.model_validate_json(head), new)]


def _begin_process(head: str, document: str) -> None:
    """As `_begin`, in a process that does nothing else: what is set up is never looked through."""
    _begin(head, document)
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)


def _play_batch(lines: list[Line]) -> Tally:
    return _STAGE[0].play(lines)


@contextmanager
def _lines(file: Path, advanced: Advanced) -> Iterator[Iterator[Line]]:
    """The numbered lines of a file that are not empty; tells how far it was read."""
    with file.open("rb") as raw:
        if file.suffix == ".gz":
            with gzip.open(raw) as unpacked:
                yield _numbered(unpacked, raw, advanced)
        else:
            yield _numbered(raw, raw, advanced)


def _numbered(source: Iterable[bytes], raw: IO[bytes], advanced: Advanced) -> Iterator[Line]:
    for number, line in enumerate(source, start=1):
        if number % _LINES_AT_ONCE == 0:
            advanced(raw.tell())
        if line.strip():
            yield number, line
    advanced(raw.tell())


def _why(error: ValueError) -> str:
    """What is wrong with a history, without anything that it holds."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
