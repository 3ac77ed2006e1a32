"""The backend that does what the cases of the demo ask for: the example responder, as a child.

Owns starting and ending it, and waiting until it has answered: if a simulated clock went on before,
every action would come late.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

from services.local.child import child_setup
from services.local.demo.client import Api
from services.local.demo.faults import DemoFailed
from services.local.demo.stage import Stage, ended

RESPONDER: Final = Path(__file__).resolve().parents[3] / "examples" / "responder" / "responder.py"
_PATIENCE_S: Final = 60.0
_TAIL: Final = 2000
_PAUSE_S: Final = 0.05
_UNANSWERED: Final = frozenset({"requested", "accepted"})


@contextlib.asynccontextmanager
async def responding(stage: Stage) -> AsyncIterator[asyncio.subprocess.Process]:
    """Somebody answers on `actions-answered` until left. Raises `DemoFailed` if they gave up."""
    log_file = stage.state / "responder.log"
    with log_file.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *_command(stage),
            stdout=log,
            stderr=log,
            preexec_fn=child_setup(None),
        )
        try:
            yield child
        finally:
            gave_up = child.returncode
            await ended(child)
    if gave_up is not None:
        last_words = log_file.read_text(errors="replace")[-_TAIL:]
        raise DemoFailed(f"the responder ended with {gave_up}:\n{last_words}")


def _command(stage: Stage) -> list[str]:
    return [
        *(sys.executable, str(RESPONDER), "--kafka", stage.kafka),
        *("--prefix", stage.topics_prefix, "--clock", "events"),
        *("--state", str(stage.state / "responder.sqlite3"), "--name", "demo-backend"),
    ]


async def until_answered(api: Api, case_ids: Iterable[str]) -> None:
    """Until nothing that these cases asked for is open. Raises `DemoFailed`."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    waiting = await _unanswered(api, case_ids)
    while waiting:
        if asyncio.get_running_loop().time() > deadline:
            raise DemoFailed(f"nobody answered what was asked for {', '.join(waiting)}")
        await asyncio.sleep(_PAUSE_S)
        waiting = await _unanswered(api, waiting)


async def _unanswered(api: Api, case_ids: Iterable[str]) -> list[str]:
    names = list(case_ids)
    asked = await asyncio.gather(*(_is_waiting(api, case_id) for case_id in names))
    return [case_id for case_id, waits in zip(names, asked, strict=True) if waits]


async def _is_waiting(api: Api, case_id: str) -> bool:
    actions = await api.items(f"/v1/ladders/{case_id}/actions", {})
    return any(action["state"] in _UNANSWERED for action in actions)
