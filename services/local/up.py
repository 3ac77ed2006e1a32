"""`recourse up`: the local stack from start to signal."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import signal
import sys
from dataclasses import dataclass, field

import uvloop

from services.local import stack
from services.local.description import Stack, StackOptions
from services.local.faults import StartFailed
from services.local.ports import LOOPBACK

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`json_line` prints one machine-readable line; `host` exists to be refused beyond loopback."""

    stack: StackOptions = field(default_factory=StackOptions)
    json_line: bool = False
    host: str = LOOPBACK


async def up(options: UpOptions) -> None:
    """Start everything, say so on stdout, and run until SIGTERM or SIGINT; then stop it all.

    Raises StartFailed. Installs the two signal handlers of this process.
    """
    _refuse_beyond_loopback(options.host)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ending.set)
    run = asyncio.create_task(_run(options))
    waiting = asyncio.create_task(ending.wait())
    await asyncio.wait((run, waiting), return_when=asyncio.FIRST_COMPLETED)
    if not run.done():
        log.info("stopping")
    # Cancelling is the only end of the run, so that a signal during the start works alike.
    run.cancel()
    waiting.cancel()
    try:
        await run
    except asyncio.CancelledError:
        log.info("stopped")


async def _run(options: UpOptions) -> None:
    async with stack.running(options.stack) as running:
        print(_announcement(running, options.json_line), flush=True)
        await asyncio.Event().wait()


def _announcement(running: Stack, json_line: bool) -> str:
    if json_line:
        return json.dumps(running.as_json())
    lines = (f"  {name:14} {value}" for name, value in running.as_json().items())
    return "Recourse is up; Ctrl-C ends it.\n" + "\n".join(lines)


def _refuse_beyond_loopback(host: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise StartFailed(f"nothing is served unauthenticated beyond loopback: --host {host}")


def run_until_signal(options: UpOptions) -> int:
    """Run `up` with its log on stderr; the exit code, 1 with a message when it cannot start."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    # Each says several lines a second while what it talks to restarts; we say it once.
    for noisy in ("httpx", "aiokafka", "asyncio", "mail.log", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    try:
        uvloop.run(up(options))
    except StartFailed as fault:
        print(f"recourse up: {fault}", file=sys.stderr)
        return 1
    return 0
