"""Dead letters: the bytes of what could not be taken, sealed, once, with the reason.

Owns writing and announcing them; the announcement has the hash and the reason, never the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from services.kit import telemetry
from services.kit.rows import columns
from services.kit.sorting import Bad, Reader
from services.kit.unit import QUERIES, Unit
from services.kit.wire import pack, record_hash

_log = structlog.get_logger(__name__)


async def bury(unit: Unit, source: str, reader: Reader, bad: Sequence[Bad]) -> int:
    """Write dead letters (bytes sealed) and announce the new ones; answers how many are new."""
    by_hash = {record_hash(item.record): item for item in bad}
    rows = [
        (digest, item.entity, item.topic, item.record.partition, item.record.offset,
         item.sequence, item.reason, item.detail,
         unit.sealer.seal_raw(pack(item.record), digest))
        for digest, item in sorted(by_hash.items())
    ]  # fmt: skip
    new = await unit.conn.fetch(QUERIES["bury"], *columns(rows))
    for row in new:
        item = by_hash[row["hash"]]
        _log.error("dead_letter", topic=item.topic, reason=item.reason, hash=row["hash"].hex())
        telemetry.DEAD_LETTERS.labels(reason=item.reason).inc()
        announcement = reader.codec.dead_lettered(
            row["hash"].hex(), item.reason, item.topic, item.record.partition, item.record.offset,
            item.entity,
        )  # fmt: skip
        unit.emit_loose(f"{source}.dead-letters", announcement, UUID(bytes=row["hash"][:16]))
    return len(new)
