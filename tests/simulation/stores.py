"""The stores of one history, in memory. Owns which tables each service has."""

from __future__ import annotations

from tests.simulation.store import (
    escalation_statements,
    kit_statements,
    repair_statements,
    service_statements,
)
from tests.simulation.store.contract import Instant, Store
from tests.simulation.store.memory import MemoryStore

_KIT = kit_statements.TABLES
_TABLES = {
    "intake": {**_KIT, **service_statements.INTAKE_TABLES},
    "escalation": {**_KIT, **escalation_statements.TABLES},
    "notifier": {**_KIT, **service_statements.NOTIFIER_TABLES},
    "keys": repair_statements.KEY_TABLES,
}


async def in_memory(time: Instant) -> dict[str, Store]:
    """Fresh and empty."""
    return {name: MemoryStore(time, tables) for name, tables in _TABLES.items()}
