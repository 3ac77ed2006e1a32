"""An upload's form (`multipart/form-data`, RFC 7578), read as it arrives: one file, a few texts.

Owns what such a form may be. `python-multipart` finds the parts; the file's bytes are handed on as
they come and never kept. Never trusts the name or the type that the sender states.
"""

from __future__ import annotations

from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

_NAME_LIMIT: Final = 200
_PARTS_LIMIT: Final = 20
_TEXT_LIMIT: Final = 4096
"""The most bytes of a text beside the file."""


class NotAForm(ValueError):
    """The body is not a form with one file; `str()` says what is wrong."""


class Form:
    """Feed it the body; it answers the file's bytes. The rest is whole at the end."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise NotAForm("the content type is not multipart/form-data with a boundary")
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._file: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._name: str | None = None  # of the text that is being read; None within the file
        self._text = bytearray()
        self._parts = self._files = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
                    "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": lambda data, start, end: self._content(data[start:end]),
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise NotAForm("the boundary is too long") from error

    def feed(self, body: bytes) -> bytes:
        """The bytes of the file that are in this piece of the body. Raises `NotAForm`."""
        try:
            self._parser.write(body)
        except FormParserError as error:
            raise NotAForm("the form is broken") from error
        found = b"".join(self._file)
        self._file.clear()
        return found

    def finish(self) -> None:
        """The body is over. Raises `NotAForm` where the form is not."""
        if not self._ended:
            raise NotAForm("the form does not end")
        if not self._files:
            raise NotAForm("the form has no file")

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _PARTS_LIMIT:
            raise NotAForm("the form has too many parts")
        self._headers = {}
        self._text = bytearray()

    def _add(self, side: int, content: bytes) -> None:
        self._header[side].extend(content)

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _end_headers(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"").decode("latin-1")
        _, options = parse_options_header(disposition)
        if b"name" not in options:
            raise NotAForm("a part of the form has no name")
        name, filename = options[b"name"].decode(errors="replace"), options.get(b"filename")
        if filename is None and name != "file":
            self._name = name
            return
        self._files += 1
        if self._files > 1:
            raise NotAForm("the form has more than one file")
        self._name = None
        self.filename = None if filename is None else _base_name(filename.decode(errors="replace"))

    def _content(self, content: bytes) -> None:
        if self._name is None:
            self._file.append(content)
            return
        self._text += content
        if len(self._text) > _TEXT_LIMIT:
            raise NotAForm("a text of the form is too long")

    def _end_part(self) -> None:
        if self._name is not None:
            self.fields[self._name] = self._text.decode(errors="replace")

    def _end(self) -> None:
        self._ended = True


def _base_name(filename: str) -> str:
    last = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:_NAME_LIMIT]
