"""`make simulate` and `make soak`: many histories on all processors, one line at the end.

Owns the command line and the sharing out of seeds. Ends with 1 when a promise was broken, or when
fewer histories ran than were asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from collections import Counter
from itertools import count, islice

from services.kit import telemetry
from tests.simulation.campaign import Account, campaign
from tests.simulation.history import OF_ONE_SCRIPT


def main() -> int:
    """Run what was asked for."""
    wanted = _arguments()
    telemetry.set_up_logging("simulation", "WARNING")
    began_at = time.monotonic()
    if wanted.seed is not None:
        accounts = [asyncio.run(campaign([wanted.seed]))]
    else:
        context = multiprocessing.get_context("spawn")
        shares = [(wanted, number) for number in range(wanted.processes)]
        with context.Pool(wanted.processes) as pool:
            accounts = pool.map(_share, shares)
    total = _sum(accounts)
    for failure in total.failures:
        print(f"{failure}\n", file=sys.stderr)
    print(f"{total}, {time.monotonic() - began_at:.0f} s")
    least = 1 if wanted.seed is not None else wanted.least
    if total.histories < least and not total.failures:
        print(f"fewer than the {least} histories that this must reach", file=sys.stderr)
    return int(bool(total.failures) or total.histories < least)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--for", dest="for_s", type=float, default=float("inf"), help="seconds")
    parser.add_argument("--count", type=int, default=None, help="histories at most")
    parser.add_argument("--least", type=int, default=0, help="fewer histories are a failure")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, default=None, help="this one history only")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _share(share: tuple[argparse.Namespace, int]) -> Account:
    """Blocks of seeds in turn: those of one block share a script."""
    wanted, number = share
    telemetry.set_up_logging("simulation", "WARNING")
    first = wanted.first // OF_ONE_SCRIPT + number
    seeds = (
        block * OF_ONE_SCRIPT + place
        for block in count(first, wanted.processes)
        for place in range(OF_ONE_SCRIPT)
    )
    most = None if wanted.count is None else -(-wanted.count // wanted.processes)
    return asyncio.run(campaign(islice(seeds, most), wanted.for_s))


def _sum(accounts: list[Account]) -> Account:
    return Account(
        sum(account.histories for account in accounts),
        sum(account.cpu_s for account in accounts),
        sum((account.struck for account in accounts), Counter()),
        [failure for account in accounts for failure in account.failures],
    )
