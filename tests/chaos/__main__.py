"""`python -m tests.chaos`: one scenario, one closing line, exit code 1 on any violation."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.chaos.options import Options
from tests.chaos.report import Result, closing_line, keep, keep_logs, show
from tests.chaos.scenarios.broker import broker
from tests.chaos.scenarios.mixed import kills, mixed
from tests.chaos.scenarios.poison import poison
from tests.chaos.scenarios.postgres import postgres
from tests.chaos.scenarios.restore import restore

SCENARIOS: dict[str, Callable[[Options], Coroutine[Any, Any, Result]]] = {
    "mixed": mixed,
    "kills": kills,
    "broker": broker,
    "postgres": postgres,
    "poison": poison,
    "restore": restore,
}


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="mixed")
    parser.add_argument(
        "--for", dest="seconds", type=float, default=600.0, help="seconds of faults"
    )
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kafka", choices=("embedded", "apache"), default="embedded")
    parser.add_argument("--kills", type=int, default=500, help="of scenario kills")
    parser.add_argument("--rate", type=float, default=None, help="stories or reports a second")
    parser.add_argument("--size", type=float, default=1.0, help="1 is what issue 6 asks for")
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory(prefix="ch", ignore_cleanup_errors=True) as folder:
        options = Options(
            Path(folder), seed, given.seconds, given.kafka, given.kills, given.rate, given.size
        )
        return _run(given.scenario, options)


def _run(scenario: str, options: Options) -> int:
    began = time.monotonic()
    print(f"chaos {scenario}: seed {options.seed}, broker {options.kafka}", file=sys.stderr)
    try:
        result = asyncio.run(SCENARIOS[scenario](options))
    except BaseException:
        print(f"broken off; logs: {keep_logs(scenario, options.seed, options.state)}")
        raise
    for line in [*result.measured, *show(result.violations)]:
        print(line)
    if result.violations:
        print(f"  evidence: {keep(result.evidence, scenario, options.state)}")
    print(f"{closing_line(scenario, options.seed, result)} ({time.monotonic() - began:.0f} s)")
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
