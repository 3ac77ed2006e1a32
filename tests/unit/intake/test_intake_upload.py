"""Multipart forms as clients send them, and what bytes are whatever their sender says."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.core.upload import NotMultipart, media_type, read_parts, read_upload


def form(**fields: object) -> tuple[str, bytes]:
    """A form as httpx writes it."""
    request = httpx.Request("POST", "http://x", **fields)  # type: ignore[arg-type] # files, data
    return request.headers["content-type"], request.read()


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_any_file_and_text_come_through_unchanged(content: bytes, text: str) -> None:
    kind, body = form(files={"file": ("f", content)}, data={"fact": text})
    upload = read_upload(kind, body)
    assert upload.content == content
    assert upload.fields["fact"] == text.encode(errors="replace").decode(errors="replace")


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_crashes(body: bytes) -> None:
    try:
        read_parts("multipart/form-data; boundary=b", b"--b\r\n" + body)
    except NotMultipart:
        return
    assert b"--b--" in body


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b\r\n\r\n--b--"),
        ("multipart/form-data; boundary=b", b""),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nz\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b--"),
    ],
)
def test_what_is_no_form_with_a_file_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(NotMultipart):
        read_upload(kind, body)


def test_too_many_parts_are_refused() -> None:
    kind, body = form(files=[("file", (f"f{number}", b"x")) for number in range(50)])
    with pytest.raises(NotMultipart):
        read_upload(kind, body)


def test_a_path_in_a_file_name_is_cut_off() -> None:
    kind, body = form(files={"file": ("..\\..\\etc/凭证\u202e.png", b"x")})
    assert read_upload(kind, body).filename == "凭证.png"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....WAVEfmt ", "audio/wav"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypisom", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        ("收据 1280.00\r\n".encode(), "text/plain"),
        ("据".encode() * 4096, "text/plain"),
        (b"MZ\x90\x00", "application/octet-stream"),
        (b"text with \x00", "application/octet-stream"),
        (b"\xff\xfe\xfd", "application/octet-stream"),
    ],
)
def test_the_type_is_what_the_bytes_are(content: bytes, kind: str) -> None:
    assert media_type(content) == kind
