"""What the demo shows while it runs, from events as topic `escalations` carries them."""

from __future__ import annotations

from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from services.local.demo.board import Board
from services.local.demo.view import Picture
from services.local.demo.watcher import Seen
from tests.support.demo import rules

START = datetime.fromisoformat("2026-11-20T09:05:00+08:00")
LATER = datetime.fromisoformat("2026-11-20T01:20:00+00:00")


def seen(name: str, **data: Any) -> Seen:
    return Seen(f"{name}{data}", name, "some-id", LATER, data)


@pytest.fixture
def board() -> Board:
    paths = tuple(rung.path for rung in rules().pack.ladder.rungs)
    made = Board(paths, rules().zone, START)
    made.names["confirmed-1"] = "some-id"
    return made


def test_a_case_climbs_and_ends(board: Board) -> None:
    board.hear(seen("rung.entered", path="phone", reason="opened"))
    board.hear(seen("rung.entered", path="senior", reason="first_response_missed"))
    assert board.counts() == {
        "phone": 0, "senior": 1, "email": 0, "social": 0, "regulator": 0, "ended": 0,
    }  # fmt: skip
    board.hear(seen("ladder.stopped", reason="resolved"))
    assert board.counts()["senior"] == 0
    assert board.counts()["ended"] == 1


def test_the_clock_is_that_of_the_events_in_the_operators_zone(board: Board) -> None:
    board.hear(seen("clock.started"))
    assert board.line().startswith("Fri 20 Nov 09:20")


def test_missed_clocks_and_dead_letters_are_kept(board: Board) -> None:
    board.hear(seen("clock.missed", lateness_ms=7))
    board.hear(seen("message.dead_lettered", partition=1, offset=2))
    assert [missed.data["lateness_ms"] for missed in board.missed] == [7]
    assert board.dead_letters == [{"partition": 1, "offset": 2}]


def test_the_picture_names_the_case_its_rung_and_the_last_mail(board: Board) -> None:
    board.hear(seen("rung.entered", path="senior", reason="first_response_missed"))
    board.hear(seen("offer.made", offered_path="social", reason="rung_budget_spent"))
    board.mails.append("customer@example.com: 您的案件已升级")
    out = StringIO()
    Console(file=out, width=140).print(Picture(board))
    text = out.getvalue()
    assert "Friday 20 November 2026, 09:20" in text
    assert "confirmed-1: senior (first_response_missed)" in text
    assert "confirmed-1: social is offered" in text
    assert "customer@example.com: 您的案件已升级" in text
