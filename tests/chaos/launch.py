"""`recourse up` whose services reach PostgreSQL, Kafka and SMTP through fault proxies.

Owns the one difference to `recourse up`: how a service is started.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from services.local.broker import KafkaProfile
from services.local.description import StackOptions
from services.local.up import UpOptions, run_until_signal


def main() -> int:
    """Run the stack until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--proxies", required=True, help="JSON: the proxies' ports by name")
    parser.add_argument("--clock")
    given = parser.parse_args()

    def command(service: str) -> Sequence[str]:
        return [sys.executable, "-m", "tests.chaos.service", service, given.proxies]

    options = StackOptions(
        state=given.state,
        kafka=KafkaProfile(given.kafka),
        clock=None if given.clock is None else datetime.fromisoformat(given.clock),
        packs=(given.pack,),
        port=given.port,
        command=command,
    )
    # What the front does not survive is a finding; `up` leaves it out.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return run_until_signal(UpOptions(stack=options, json_line=True))


if __name__ == "__main__":
    sys.exit(main())
