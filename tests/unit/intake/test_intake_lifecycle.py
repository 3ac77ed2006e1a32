"""The lifecycle table says what the walkthrough says, and closes what it must."""

from __future__ import annotations

import pytest

from schemas.vocabulary import Status
from services.intake.core.lifecycle import (
    TABLE,
    Arrival,
    CommandName,
    Linking,
    legal_statuses,
    status_after,
)

OPEN, CUSTOMER, THIRD = Status.OPEN, Status.WAITING_CUSTOMER, Status.WAITING_THIRD_PARTY


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (CommandName.ASK_CUSTOMER, OPEN, CUSTOMER),
        (CommandName.WAIT_THIRD_PARTY, OPEN, THIRD),
        (CommandName.THIRD_PARTY_ANSWERED, THIRD, OPEN),
        (CommandName.PROVIDE, CUSTOMER, OPEN),
        (CommandName.RESOLVE, OPEN, Status.RESOLVED),
        (CommandName.RESOLVE, CUSTOMER, Status.RESOLVED),
        (CommandName.RESOLVE, THIRD, Status.RESOLVED),
        (CommandName.CONFIRM, Status.RESOLVED, Status.CLOSED),
        (CommandName.REOPEN, Status.RESOLVED, OPEN),
        (CommandName.REOPEN, Status.CLOSED, OPEN),
        (CommandName.WITHDRAW, OPEN, Status.WITHDRAWN),
        (CommandName.CLOSE, OPEN, Status.CLOSED),
        (CommandName.MERGE, OPEN, Status.MERGED),
    ],
)
def test_moves_of_the_walkthrough(name: CommandName, before: Status, after: Status) -> None:
    assert status_after(name, before) is after


@pytest.mark.parametrize(
    "name",
    ["reply", "promise", "keep_promise", "classify", "verify_identity", "consent", "split"],
)
def test_commands_that_stay_never_change_a_status(name: str) -> None:
    row = TABLE[CommandName(name)]
    assert row
    assert all(before is after for before, after in row.items())


def test_every_move_has_a_row() -> None:
    assert set(TABLE) == {*CommandName, *Arrival, *Linking}
    assert len(CommandName) == 18


def test_nothing_happens_to_a_merged_case() -> None:
    assert not [move for move, row in TABLE.items() if Status.MERGED in row]


def test_an_ended_case_opens_only_by_reopen() -> None:
    ended = (Status.RESOLVED, Status.CLOSED, Status.WITHDRAWN)
    opening = [move for move, row in TABLE.items() for s in ended if row.get(s) is OPEN]
    assert set(opening) == {CommandName.REOPEN}


def test_illegal_moves_name_the_legal_statuses() -> None:
    assert status_after(CommandName.PROVIDE, OPEN) is None
    assert legal_statuses(CommandName.PROVIDE) == (CUSTOMER,)
    assert legal_statuses(CommandName.REOPEN) == (Status.RESOLVED, Status.CLOSED)
