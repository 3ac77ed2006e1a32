"""Multipart forms as clients send them, whole or in pieces, and what is none."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.intake.core.form import Form, NotAForm

B = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'


def sent(**fields: object) -> tuple[str, bytes]:
    """A form as httpx writes it."""
    request = httpx.Request("POST", "http://x", **fields)  # type: ignore[arg-type] # files, data
    return request.headers["content-type"], request.read()


def read(kind: str, body: bytes, step: int = 1 << 20) -> tuple[Form, bytes]:
    """The form, and its file, of a body that arrives in pieces."""
    form = Form(kind)
    content = b"".join(form.feed(body[at : at + step]) for at in range(0, len(body), step))
    form.finish()
    return form, content


@given(st.binary(max_size=2000), st.text(max_size=50), st.integers(1, 300))
@example(b"\r\n--b", "", 1)
@example(b"\r\n\r\n--\r\n", "", 2)
def test_any_file_and_text_come_through_unchanged(content: bytes, text: str, step: int) -> None:
    form, found = read(*sent(files={"file": ("f", content)}, data={"fact": text}), step)
    assert found == content
    assert form.fields["fact"] == text.encode(errors="replace").decode(errors="replace")


@given(st.binary(max_size=300), st.integers(1, 50))
def test_garbage_is_refused_and_never_crashes(body: bytes, step: int) -> None:
    try:
        read(B, FILE + body, step)
    except NotAForm:
        return
    assert b"--b--" in FILE + body


@given(st.text(max_size=60))
def test_no_content_type_crashes_it(kind: str) -> None:
    try:
        Form(kind.encode(errors="replace").decode("latin-1"))
    except NotAForm:
        return
    assert "multipart/form-data" in kind.lower()


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("application/json", b"{}", "content type"),
        ("", b"", "content type"),
        ("multipart/form-data", b"--b\r\n\r\n--b--", "boundary"),
        ("multipart/form-data; boundary=" + "b" * 300, b"", "boundary is too long"),
        (B, b"", "does not end"),
        (B, FILE, "does not end"),
        (B, FILE + b"half of it", "does not end"),
        (B, FILE + b"x\r\n--b", "does not end"),
        (B, b"no boundary at all", "broken"),
        (B, b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n", "no name"),
        (B, b"--b--\r\n", "no file"),
        (B, b"--b\r\nContent-Disposition: form-data\r\n\r\nz\r\n--b--\r\n", "no name"),
        (B, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nz\r\n--b--\r\n', "no file"),
        (B, FILE + b"x\r\n" + FILE + b"y\r\n--b--\r\n", "more than one file"),
        (B, b"--b\r\n" + b"a" * 10_000 + b": x\r\n\r\nz\r\n--b--\r\n", "broken"),
        (B, b"--b\r\n" + b"a: x\r\n" * 100 + b"\r\nz\r\n--b--\r\n", "broken"),
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_is_no_form_with_one_file_is_refused(
    kind: str, body: bytes, why: str, step: int
) -> None:
    with pytest.raises(NotAForm, match=why):
        read(kind, body, step)


def test_too_many_parts_and_too_long_texts_are_refused() -> None:
    many = {f"field{number}": "x" for number in range(50)}
    with pytest.raises(NotAForm, match="too many parts"):
        read(*sent(files={"file": ("f", b"x")}, data=many))
    with pytest.raises(NotAForm, match="too long"):
        read(*sent(files={"file": ("f", b"x")}, data={"by": "x" * 5000}))


@pytest.mark.parametrize("name", ["..\\..\\etc/凭证\u202e.png", "C:\\凭证.png", "/凭证.png"])
def test_a_path_in_a_file_name_is_cut_off(name: str) -> None:
    form, _ = read(*sent(files={"file": (name, b"x")}))
    assert form.filename == "凭证.png"


def test_a_file_without_a_name_is_the_part_that_is_called_file() -> None:
    form, content = read(
        B, b"--b\r\ncontent-disposition: form-data; name=file\r\n\r\nz\r\n--b--\r\nepilogue"
    )
    assert (form.filename, content) == (None, b"z")
