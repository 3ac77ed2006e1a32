"""What keeps FastStream from reading records: it would lose a whole batch for one that is bad.

Owns the parser and the decoder that our subscriber gives it. We read record by record ourselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any


async def without_headers(records: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """FastStream's parser reads every header as UTF-8: hand it none, keep the originals.

    One record is enough for it; the whole batch stays in `raw_message`.
    """
    message = await original((dataclasses.replace(records[0], headers=(), value=b""),))
    message.raw_message = records
    return message


async def the_message(message: Any) -> Any:
    """No decoding by FastStream: one bad JSON must not lose its batch.

    The handler is given the message. FastStream would find it for a parameter that is annotated as
    one, but resolves that in a thread, for every batch.
    """
    return message
