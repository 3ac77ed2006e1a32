"""When offsets are committed: soon after work, now and then what streams say of their progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from schemas.wire import Confirmed, ResendWanted
from services.kit.polling import Commits
from services.kit.sorting import Bad, Beat, Control, Noise, Sorted, is_work
from services.kit.wire import StoredRecord

AT = datetime(2026, 11, 20, tzinfo=UTC)
RECORD = StoredRecord("cases", 0, 0, None, b"", [])


class Member:
    """Stands for aiokafka's consumer: remembers what it is told to commit."""

    def __init__(self, *partitions: int, refuses: bool = False) -> None:
        self.ours = {TopicPartition("cases", partition) for partition in partitions}
        self.told: list[dict[TopicPartition, int]] = []
        self.refuses = refuses

    def assignment(self) -> set[TopicPartition]:
        return self.ours

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.told.append(offsets)
        if self.refuses:
            raise CommitFailedError


def records(partition: int, *offsets: int) -> list[StoredRecord]:
    return [StoredRecord("cases", partition, offset, None, b"", []) for offset in offsets]


@dataclass
class Watch:
    """A clock that stands until it is moved."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


async def take(
    commits: Commits, member: Member, taken: list[StoredRecord], *, worked: bool
) -> None:
    commits.taken(taken, worked=worked)
    await commits.in_time(member)


async def test_work_is_committed_at_most_each_second_with_all_that_came_meanwhile() -> None:
    watch, member = Watch(), Member(0, 1)
    commits = Commits(1.0, watch)
    await take(commits, member, records(0, 4, 5), worked=True)
    await take(commits, member, records(0, 6) + records(1, 1), worked=True)
    assert member.told == [{TopicPartition("cases", 0): 6}]
    watch.now += 1
    await take(commits, member, records(0, 7), worked=False)
    assert member.told[1:] == [{TopicPartition("cases", 0): 8, TopicPartition("cases", 1): 2}]


async def test_progress_alone_is_committed_each_ten_seconds() -> None:
    watch, member = Watch(), Member(0)
    commits = Commits(1.0, watch)
    for second in range(21):
        await take(commits, member, records(0, second), worked=False)
        watch.now += 1
    assert [offset for told in member.told for offset in told.values()] == [1, 11, 21]


async def test_who_leaves_commits_the_work_on_what_is_ours_and_no_more() -> None:
    commits, member = Commits(1.0, Watch()), Member(0)
    await take(commits, member, records(0, 3), worked=True)
    await take(commits, member, records(0, 4) + records(1, 9), worked=True)
    await commits.before_leaving(member)
    assert member.told[1:] == [{TopicPartition("cases", 0): 5}]
    await take(commits, member, records(0, 5), worked=False)
    await commits.before_leaving(member)
    assert len(member.told) == 2, "nobody waits for progress"


async def test_a_group_that_went_on_without_us_is_no_error() -> None:
    commits, member = Commits(0.0), Member(0, refuses=True)
    await take(commits, member, records(0, 4), worked=True)
    assert member.told == [{TopicPartition("cases", 0): 5}]


async def test_nothing_is_told_to_another_broker() -> None:
    commits, member = Commits(1.0, Watch()), Member(0)
    await take(commits, member, records(0, 3), worked=True)
    await take(commits, member, records(0, 4), worked=True)
    commits.forget()
    await commits.before_leaving(member)
    assert len(member.told) == 1


def test_only_what_may_come_again_is_no_work() -> None:
    confirmed = Control(Confirmed("escalation", "cases", AT))
    wanted = Control(ResendWanted("cases", UUID(int=1), 1, 2))
    progress: tuple[Sorted, ...] = (Beat("cases", 0, AT), Noise(), confirmed)
    work: tuple[Sorted, ...] = (wanted, Bad(RECORD, "cases", "undecodable", ""))
    assert not any(is_work(item) for item in progress)
    assert all(is_work(item) for item in work)
