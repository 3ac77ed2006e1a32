"""`recourse demo` from start to exit code: the stack, the play, the judgement, the report.

Owns putting the parts together.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import uvloop
from aiokafka.errors import KafkaError
from rich.console import Console

from schemas.pack import Pack
from schemas.topics import ESCALATIONS
from services.local.demo.board import Board
from services.local.demo.cast import FEWEST_CASES, cast
from services.local.demo.client import connected
from services.local.demo.complaints import read_complaints
from services.local.demo.evidence import Evidence, gather_evidence
from services.local.demo.expected import Forecast, Rules, forecast, read_rules
from services.local.demo.faults import DemoFailed
from services.local.demo.performance import Performance, Played
from services.local.demo.plots import read_plots
from services.local.demo.reporting import Place, reporting
from services.local.demo.responder import responding
from services.local.demo.result import Result, summed_up, table_of
from services.local.demo.script import Moment, Script, write_script
from services.local.demo.stage import Stage, raised
from services.local.demo.verdict import judge
from services.local.demo.view import shown
from services.local.demo.watcher import watching
from services.packs import DEFAULT_PACK, load_pack

_HEARD_S: Final = 15.0
_PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo can be told. `disturbed`: somebody kills services meanwhile."""

    kafka: str = "embedded"
    cases: int = FEWEST_CASES
    state: Path | None = None
    json_line: bool = False
    disturbed: bool = False


def run_demo(options: DemoOptions) -> int:
    """Plays the demo and reports; the exit code."""
    console = Console(stderr=options.json_line)
    try:
        result = uvloop.run(_until_done(options, console))
    except (DemoFailed, OSError, httpx.HTTPError, KafkaError) as error:
        print(f"recourse demo: {error or repr(error)}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("recourse demo: ended before its time", file=sys.stderr)
        return 1
    console.print(table_of(result))
    for difference in result.differences:
        console.print(f"difference: {difference}", style="red", markup=False, highlight=False)
    if options.json_line:
        print(json.dumps(result.as_json(), ensure_ascii=False), flush=True)
    return 0 if result.is_right else 1


async def _until_done(options: DemoOptions, console: Console) -> Result:
    task = asyncio.ensure_future(_play(options, console))
    # Cancelled, so that a SIGTERM takes the stack down as well.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _play(options: DemoOptions, console: Console) -> Result:
    pack = load_pack(DEFAULT_PACK).pack
    rules = read_rules(pack)
    script = _script(pack, rules, options.cases)
    forecasts = [forecast(case, script, rules) for case in script.cases]
    board = Board(_paths(pack), rules.zone, script.start)
    console.print("starting PostgreSQL, Kafka and the services", highlight=False)
    async with raised(options.state, options.kafka, script.start) as stage:
        evidence, wrong = await _on(stage, script, forecasts, board, console, options)
    mailboxes = {name: group.mailbox for name, group in pack.groups.items()}
    verdict = judge(forecasts, evidence, mailboxes)
    verdict.differences += wrong
    return summed_up(evidence, verdict, disturbed=options.disturbed)


def _script(pack: Pack, rules: Rules, cases: int) -> Script:
    book = read_plots()
    return write_script(book, cast(book, read_complaints(), pack, cases), rules.zone)


def _paths(pack: Pack) -> tuple[str, ...]:
    return tuple(rung.path for rung in pack.ladder.rungs)


async def _on(
    stage: Stage,
    script: Script,
    forecasts: list[Forecast],
    board: Board,
    console: Console,
    options: DemoOptions,
) -> tuple[Evidence, list[str]]:
    """Plays on a running stack; answers what happened, and what was answered wrongly."""
    live = console.is_terminal and not options.json_line
    topics = [stage.topics_prefix + name for name in (ESCALATIONS, "intake.dead-letters")]
    async with AsyncExitStack() as parts:
        api = await parts.enter_async_context(connected(stage.http))
        reporter = await parts.enter_async_context(reporting(stage.kafka, stage.topics_prefix))
        await parts.enter_async_context(responding(stage))
        await parts.enter_async_context(watching(stage.kafka, topics, board.hear))
        await parts.enter_async_context(shown(board, api, console, live=live))
        play = Performance(script, api, reporter, _progress(board, console, live=live))
        board.names = play.played.ids
        played = await play.play()
        wrong = played.wrong + await _unburied(board, played, forecasts)
        evidence = await gather_evidence(api, played.ids, script.cases, board.missed)
    return evidence, wrong


def _progress(board: Board, console: Console, *, live: bool) -> Callable[[Moment], None]:
    def told(moment: Moment) -> None:
        board.now = max(board.now, moment.at)
        if not live:
            console.print(board.line(), highlight=False)

    return told


async def _unburied(board: Board, played: Played, forecasts: list[Forecast]) -> list[str]:
    """Waits until the watcher has heard what it must; the malformed reports without dead letter."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _HEARD_S
    missed = sum(one.clocks_missed for one in forecasts)
    while loop.time() < deadline:
        lost = [place for place in played.malformed if place not in _buried(board)]
        if not lost and len(board.missed) >= missed:
            break
        await asyncio.sleep(_PAUSE_S)
    return [
        f"malformed report at partition {place.partition}, offset {place.offset}: no dead letter"
        for place in played.malformed
        if place not in _buried(board)
    ]


def _buried(board: Board) -> set[Place]:
    return {Place(letter["partition"], letter["offset"]) for letter in board.dead_letters}
