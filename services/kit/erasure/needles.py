"""By what bytes are recognised that are about one data subject: identifiers, never names.

Pure. Dead letters lie under the installation's own key, and what could not be read names nobody
in a way that a program could trust; so they are searched for what the subject is known by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

_SHORTEST: Final = 3
_PART_OF_A_WORD: Final = rb"[0-9A-Za-z_-]"


class Needles:
    """Identifiers that stand alone: `C-1` is not found in `C-10`."""

    def __init__(self, texts: Iterable[str]) -> None:
        wanted = {form for text in texts if len(text) >= _SHORTEST for form in _forms(text)}
        alternatives = b"|".join(re.escape(form) for form in sorted(wanted))
        bounded = b"(?<!%b)(?:%b)(?!%b)" % (_PART_OF_A_WORD, alternatives, _PART_OF_A_WORD)
        self._pattern = re.compile(bounded, re.IGNORECASE) if wanted else None

    def in_(self, raw: bytes) -> bool:
        """Whether any of them stands there."""
        return self._pattern is not None and self._pattern.search(raw) is not None


def _forms(text: str) -> Iterable[bytes]:
    yield text.encode()
    yield json.dumps(text)[1:-1].encode()
