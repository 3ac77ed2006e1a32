"""The demo's cases and forecasts, as `recourse demo` makes them. Worked out once per run."""

from __future__ import annotations

from functools import cache

from services.local.demo.cast import FEWEST_CASES, cast
from services.local.demo.complaints import read_complaints
from services.local.demo.expected import Forecast, Rules, forecast, read_rules
from services.local.demo.plots import read_plots
from services.local.demo.script import Script, write_script
from services.packs import DEFAULT_PACK, load_pack


@cache
def rules() -> Rules:
    """The default pack."""
    return read_rules(load_pack(DEFAULT_PACK).pack)


@cache
def script(count: int = FEWEST_CASES) -> Script:
    """The script of so many cases."""
    book = read_plots()
    return write_script(book, cast(book, read_complaints(), rules().pack, count), rules().zone)


@cache
def forecasts() -> dict[str, Forecast]:
    """What must become of each case of the usual demo, by its name."""
    found = (forecast(case, script(), rules()) for case in script().cases)
    return {one.case.name: one for one in found}
