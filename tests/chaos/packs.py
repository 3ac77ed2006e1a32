"""The default policy in a hurry: the same rules, around the clock, with budgets of seconds.

Owns the budgets. Everything else is what `packs/wallet-default` says, so that it cannot drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.packs import DEFAULT_PACK

# Lane, clock: seconds. Money-safety first, so that it is due while the others still wait.
HURRY: Mapping[str, Mapping[str, int]] = {
    "ordinary": {"first_response": 8, "update": 30, "resolution": 45},
    "money_safety": {"first_response": 5, "update": 20, "resolution": 30},
}
# For load that must not climb: only money-safety cases are due within a minute.
PATIENT: Mapping[str, Mapping[str, int]] = {
    "ordinary": {"first_response": 3600, "update": 14400, "resolution": 28800},
    "money_safety": {"first_response": 45, "update": 3600, "resolution": 14400},
}
_RUNG_S = {"senior": 20, "email": 20}
_ACKNOWLEDGE_S = 12
_OFFER_S = 25
_ACTION_S = {"answer_within": 10, "expires_after": 30}


def write_pack(folder: Path, budgets: Mapping[str, Mapping[str, int]], webhook: str) -> Path:
    """The pack in a folder of its own, with the groups' webhook.

    Where cases are many and patient, customers are told in the app only: the mailbox is one Python
    process on the same two cores.
    """
    target = folder / "chaos-pack"
    if target.exists():
        return target  # cases that run keep the policy they were opened under
    pack = yaml.safe_load((DEFAULT_PACK / "pack.yaml").read_text())
    pack["name"] = "chaos"
    for lane, clocks in budgets.items():
        for rule in pack["lanes"][lane]["clocks"]:
            rule["budget"] = _seconds(clocks[rule["name"]])
            rule.pop("extension_max", None)
        pack["lanes"][lane].pop("rung_budgets", None)
        pack["lanes"][lane].pop("acknowledge_within", None)
    for rung in pack["ladder"]["rungs"]:
        _hasten_rung(rung)
    for action in pack["actions"].values():
        action.update({name: _seconds(seconds, "elapsed") for name, seconds in _ACTION_S.items()})
    for group in pack["groups"].values():
        group["webhook"] = webhook
    pack["notify"]["group"] = ["email", "webhook"]
    if budgets is PATIENT:
        pack["notify"]["customer"] = ["in_app"]
    target.mkdir()
    (target / "pack.yaml").write_text(yaml.safe_dump(pack, allow_unicode=True, sort_keys=False))
    return target


def _hasten_rung(rung: dict[str, Any]) -> None:
    if rung["name"] in _RUNG_S:
        rung["budget"] = _seconds(_RUNG_S[rung["name"]])
    if "acknowledge_within" in rung:
        rung["acknowledge_within"] = _seconds(_ACKNOWLEDGE_S)
    if "offer" in rung:
        rung["offer"]["expires_after"] = _seconds(_OFFER_S, "elapsed")


def _seconds(amount: int, unit: str = "business") -> dict[str, str]:
    return {"amount": f"PT{amount}S", "unit": unit, "calendar": "always"}
