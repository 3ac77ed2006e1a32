"""What bytes are whatever their sender says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.core.media import Sniffer
from services.intake.settings import TAKEN

BOX = b"\x00\x00\x00\x18ftyp%b\x00\x00\x00\x00mif1%b"


def found(content: bytes, step: int = 1 << 20) -> str:
    sniffer = Sniffer()
    for at in range(0, len(content), step):
        sniffer.feed(content[at : at + step])
    return sniffer.finish()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"GIF89a\x01\x00rest", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/x-wav"),
        (BOX % (b"heic", b"heic"), "image/heic"),
        (BOX % (b"isom", b"mp42"), "video/mp4"),
        (BOX % (b"M4A ", b"mp42"), "audio/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        ("收据 1280.00\r\n".encode(), "text/plain"),
        ("据".encode() * 4096, "text/plain"),
        (b"BM, my bank, has the money", "text/plain"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "text/plain"),
        (b"MZ\x90\x00" + bytes(300), "application/x-msdownload"),
        (b"\x7fELF" + bytes(300), "application/x-executable"),
        (b"PK\x03\x04" + bytes(300), "application/zip"),
        (b"text with \x00", "application/octet-stream"),
        (b"\xff\xfe\xfd", "application/octet-stream"),
        ("据".encode()[:2], "application/octet-stream"),
        (b"a" * 100_000 + b"\x00", "application/octet-stream"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_the_type_is_what_the_bytes_are(content: bytes, kind: str, step: int) -> None:
    assert found(content, step if len(content) < 1000 else max(step, 1000)) == kind


@given(st.binary(max_size=500), st.integers(1, 100))
def test_how_it_arrives_makes_no_difference(content: bytes, step: int) -> None:
    assert found(content, step) == found(content)


def test_what_is_certain_is_said_before_the_end() -> None:
    taken = frozenset({"image/png", "text/plain"})
    program, unsure, picture = Sniffer(), Sniffer(), Sniffer()
    program.feed(b"MZ\x90\x00" + bytes(9000))
    unsure.feed(b"perhaps a text " * 1000)
    picture.feed(b"\x89PNG\r\n\x1a\n" + bytes(9000))
    assert program.refused(taken)
    assert not unsure.refused(taken)
    assert not picture.refused(taken)
    unsure.feed(b"\x00")
    assert unsure.refused(taken)


def test_nothing_that_runs_is_taken_unless_an_operator_says_so() -> None:
    taken = TAKEN.split()
    assert "text/html" not in taken
    assert not {kind for kind in taken if "svg" in kind or "zip" in kind or "octet" in kind}
