"""When offsets are committed: work at once, what streams say of their progress now and then."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

from faststream.message import AckStatus

from schemas.wire import Confirmed, ResendWanted
from services.kit.polling import Commits
from services.kit.sorting import Bad, Beat, Control, Noise, Sorted, is_work
from services.kit.wire import StoredRecord

AT = datetime(2026, 11, 20, tzinfo=UTC)
RECORD = StoredRecord("cases", 0, 0, None, b"", [])


def put_off(commits: Commits, *, worked: bool) -> bool:
    message = SimpleNamespace(committed=None)
    commits.put_off(message, worked=worked)
    return message.committed is AckStatus.ACKED


def test_work_is_committed_at_once_and_progress_after_it_later() -> None:
    commits = Commits()
    assert not put_off(commits, worked=True)
    assert put_off(commits, worked=False)
    assert not put_off(commits, worked=True)


def test_progress_alone_is_committed_when_nothing_was_for_long() -> None:
    assert not put_off(Commits(), worked=False)


def test_only_what_may_come_again_is_no_work() -> None:
    confirmed = Control(Confirmed("escalation", "cases", AT))
    wanted = Control(ResendWanted("cases", UUID(int=1), 1, 2))
    progress: tuple[Sorted, ...] = (Beat("cases", 0, AT), Noise(), confirmed)
    work: tuple[Sorted, ...] = (wanted, Bad(RECORD, "cases", "undecodable", ""))
    assert not any(is_work(item) for item in progress)
    assert all(is_work(item) for item in work)
