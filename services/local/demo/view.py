"""Shows a board: live where there is a terminal, line by line where there is none.

Owns the looks and the asking for new mails. Changes nothing about the play.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from services.local.demo.board import LAST, Board
from services.local.demo.client import Api, UnexpectedAnswerError
from services.local.demo.faults import DemoFailed

_A_SECOND: Final = 8
_MAIL_EVERY_S: Final = 0.5


@asynccontextmanager
async def shown(board: Board, api: Api, console: Console, *, live: bool) -> AsyncIterator[None]:
    """Shows the board until left; without `live` the play prints `board.line()` itself."""
    if not live:
        yield
        return
    picture = Picture(board)
    asking = asyncio.create_task(_ask_for_mails(board, api))
    try:
        with Live(picture, console=console, refresh_per_second=_A_SECOND, transient=True):
            yield
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def _ask_for_mails(board: Board, api: Api) -> None:
    last = "0"
    while True:
        with suppress(UnexpectedAnswerError, DemoFailed):
            for mail in await api.get("/local/mail", {"after": last}):
                last = mail["id"]
                board.mails.append(f"{mail['to'][0]}: {mail['subject']}")
        await asyncio.sleep(_MAIL_EVERY_S)


class Picture:
    """The board as rich draws it, anew at every refresh."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __rich__(self) -> RenderableType:
        board = self._board
        lists = Table.grid(expand=True)
        lists.add_column(ratio=1)
        lists.add_column(ratio=1)
        lists.add_row(_list("what happened", board.news), _list("mails", board.mails))
        clock = Text(f"{board.now:%A %d %B %Y, %H:%M} ({board.zone.key})", style="bold")
        return Group(clock, self._ladder(), lists)

    def _ladder(self) -> Table:
        counts = self._board.counts()
        total = max(1, sum(counts.values()))
        table = Table.grid(padding=(0, 2))
        for place, count in reversed(counts.items()):
            entered = self._board.entered[place]
            note = f"{entered} so far" if entered else ""
            table.add_row(place, str(count), ProgressBar(total, count, width=40), note)
        return table


def _list(title: str, lines: Iterable[str]) -> Panel:
    text = Text("\n".join(lines), overflow="ellipsis", no_wrap=True)
    return Panel(text, title=title, title_align="left", height=LAST + 2)
