"""What a file is by its bytes, whatever its sender calls it. Owns when that is certain.

`filetype` knows binary formats by their first bytes. It knows no text; a file is text if all of it
is UTF-8 without control characters. Text is only ever called plain text: what a browser would run
is nothing but words here.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import Final

import filetype

TEXT: Final = "text/plain"
UNKNOWN: Final = "application/octet-stream"
_HEAD: Final = 8192
"""As many bytes as `filetype` looks at."""
_CONTROL: Final = bytes({*range(32), 127} - {*b"\t\n\r"})
_WRITTEN_IN_TEXT: Final = frozenset(
    {"application/pdf", "application/rtf", "application/postscript"}
)
"""Formats that may be text throughout; others that look like one only begin with its letters."""


class Sniffer:
    """Feed it the file as it comes."""

    def __init__(self) -> None:
        self._head = b""
        self._whole = codecs.getincrementaldecoder("utf-8")()
        self._textual = True
        self._guess: str | None = None  # once the head is whole it stays what it is

    def feed(self, content: bytes) -> None:
        """Look at the next bytes."""
        if len(self._head) < _HEAD:
            self._head += content[: _HEAD - len(self._head)]
            self._guess = filetype.guess_mime(self._head)
        if self._textual:
            self._textual = self._is_text(content)

    def found(self) -> str:
        """What the file is, as far as it was seen."""
        if self._textual and self._guess not in _WRITTEN_IN_TEXT:
            return TEXT
        return self._guess or UNKNOWN

    def finish(self) -> str:
        """What the whole file is: text that ends within a letter is none."""
        self._textual = self._textual and self._is_text(b"", final=True)
        return self.found()

    def refused(self, taken: Collection[str]) -> bool:
        """Whether no rest could make it one of those that are taken."""
        return len(self._head) == _HEAD and not self._textual and self.found() not in taken

    def _is_text(self, content: bytes, *, final: bool = False) -> bool:
        try:
            self._whole.decode(content, final)
        except UnicodeDecodeError:
            return False
        return len(content.translate(None, _CONTROL)) == len(content)
