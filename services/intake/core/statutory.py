"""What a pack's regimes ask of a case: which facts travel in clear, and which acts they count.

Owns: what of a fact may be said in clear. A regime asks for dates, kinds and yes or no; whatever
else somebody wrote under such a name stays a sealed fact like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.pack import Pack
from schemas.pack_regimes import acts_of, dates_of_transaction, facts_of
from schemas.regime import FactKind, FactValue
from schemas.report import Transaction

_WORD: Final = re.compile(r"^[a-z][a-z_]{0,39}$")
_YES_NO: Final = {"true": True, "false": False, "yes": True, "no": False}


def statutory(
    pack: Pack, told: Mapping[str, Any], transaction: Transaction | None
) -> dict[str, FactValue]:
    """Of what was told, what the pack's regimes ask for."""
    wanted = facts_of(pack)
    found = _of_transaction(pack, transaction)
    for name, value in told.items():
        said = _in_clear(wanted[name], value) if name in wanted else None
        if said is not None:
            found[name] = said
    return found


def unknown_act(pack: Pack, act: str) -> str | None:
    """What is wrong with the name of an act; None when a regime of the pack counts it."""
    known = acts_of(pack)
    if act in known:
        return None
    choice = ", ".join(sorted(known))
    return f"no regime of this case counts {act!r}; known: {choice or 'none'}"


def _of_transaction(pack: Pack, transaction: Transaction | None) -> dict[str, FactValue]:
    if transaction is None or transaction.at is None:
        return {}
    day = transaction.at.astimezone(ZoneInfo(pack.time_zone)).date().isoformat()
    return dict.fromkeys(dates_of_transaction(pack), day)


def _in_clear(kind: FactKind, value: Any) -> FactValue | None:
    if kind == "yes_no":
        return value if isinstance(value, bool) else _YES_NO.get(str(value).lower())
    text = str(value)
    if kind == "word":
        return text if _WORD.match(text) else None
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return None
