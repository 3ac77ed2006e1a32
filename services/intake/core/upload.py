"""A file as it is uploaded: the parts of a `multipart/form-data` body, and what the bytes are.

Works in memory on bodies whose size the caller has bounded: the usual parsers spool files to disk
in clear, where evidence must never lie. Never trusts the type or the name that the sender states.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import Final

_NAME_LIMIT: Final = 200
_PARTS_LIMIT: Final = 20


class NotMultipart(ValueError):
    """The body is not `multipart/form-data`; `str()` says what is wrong."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of the form; `filename` only where it is a file."""

    name: str
    filename: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """The file of a form and the text fields beside it."""

    content: bytes
    filename: str | None
    fields: dict[str, str]

    @property
    def sha256(self) -> str:
        """The file's SHA-256 in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def read_upload(content_type: str, body: bytes) -> Upload:
    """The first file of a form (or its part named `file`) with the texts. Raises `NotMultipart`."""
    parts = read_parts(content_type, body)
    files = [part for part in parts if part.filename is not None or part.name == "file"]
    if not files:
        raise NotMultipart("the form has no file")
    texts = {
        part.name: part.content.decode(errors="replace") for part in parts if part not in files
    }
    return Upload(files[0].content, files[0].filename, texts)


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """The parts of a form (RFC 7578, RFC 2046 5.1.1). Raises `NotMultipart`."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise NotMultipart("the content type is not multipart/form-data with a boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # The first delimiter has no line before it; what stands before it is a preamble.
    _, *pieces = (b"\r\n" + body).split(delimiter, _PARTS_LIMIT + 1)
    parts: list[Part] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return parts
        parts.append(_part(piece))
    raise NotMultipart("the form does not end, or has too many parts")


def _part(piece: bytes) -> Part:
    line_end, _, rest = piece.partition(b"\r\n")
    head, blank, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if line_end.strip(b" \t") or not blank:
        raise NotMultipart("a part of the form has no headers")
    headers = HeaderParser().parsestr(head.lstrip(b"\r\n").decode(errors="replace"))
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise NotMultipart("a part of the form has no name")
    filename = headers.get_filename()
    return Part(name, _base_name(filename), content)


def _base_name(filename: str | None) -> str | None:
    if filename is None:
        return None
    last = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:_NAME_LIMIT]


_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "application/ogg"),
    (0, b"PK\x03\x04", "application/zip"),
)
_TEXT_SAMPLE: Final = 4096


def media_type(content: bytes) -> str:
    """What the bytes are by their first ones; text only if they are UTF-8 without control bytes."""
    for offset, magic, kind in _MAGIC:
        if content.startswith(magic, offset):
            return kind
    sample = content[:_TEXT_SAMPLE].decode(errors="ignore")
    whole = _is_utf8(content)
    if whole and all(letter.isprintable() or letter in "\r\n\t\ufeff" for letter in sample):
        return "text/plain"
    return "application/octet-stream"


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
