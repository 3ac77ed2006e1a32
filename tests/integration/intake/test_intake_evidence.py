"""Files over HTTP: what is taken and what is not, what lies where, and what is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake import evidence_store, store
from services.intake.app import evidence_of
from services.intake.core.state import Case
from services.intake.evidence import Evidence
from services.intake.handlers import Handlers
from services.intake.orphans import Orphans
from services.intake.reads import Shelf
from services.intake.settings import IntakeSettings
from services.intake.working import Desk
from services.kit.sealed_stream import SEGMENT
from services.packs import DEFAULT_PACK, load_pack
from tests.support.cases import report_body
from tests.support.intake import TEN, Intake, everything_stored
from tests.support.intake import intake as running

PNG = b"\x89PNG\r\n\x1a\n"
PLANTED = b"planted: paid 1280.00 to merchant-88 "
TEXT = "收据 1280.00".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@pytest.fixture
async def intake(dsns: dict[str, str], folder: Path) -> AsyncIterator[Intake]:
    """One replica whose store can be looked into."""
    async with running(dsns, evidence_store=folder.as_uri(), evidence_max_bytes=300_000) as replica:
        await replica.set_clock(TEN)
        yield replica


@pytest.fixture
async def case_id(intake: Intake) -> str:
    answer = await intake.post("", report_body())
    return str(answer.json()["id"])


def evidence(intake: Intake, folder: Path) -> Evidence:
    """The same files, as the chores and erasure hold them."""
    blind = store.Blind(intake.entities.sealer)
    book = store.PolicyBook([load_pack(DEFAULT_PACK)])
    settings = IntakeSettings.model_construct(
        evidence_store=folder.as_uri(), evidence_store_options=_NO_OPTIONS
    )
    shelf = Shelf(intake.entities, blind, book)
    return evidence_of(intake.entities, shelf, Handlers(Desk(blind, book)), settings)


_NO_OPTIONS: Any = IntakeSettings.model_fields["evidence_store_options"].default


def objects(folder: Path) -> list[Path]:
    """Everything in the store that is a file, whole or not."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def send(intake: Intake, case: str, content: bytes = TEXT, **data: str) -> httpx.Response:
    return await intake.client.post(
        f"/v1/cases/{case}/evidence", files={"file": ("receipt", content)}, data=data
    )


async def fetch(intake: Intake, case: str, content: bytes) -> httpx.Response:
    return await intake.client.get(f"/v1/cases/{case}/evidence/{sha256(content).hexdigest()}")


@pytest.mark.parametrize("size", [1, SEGMENT - 56, SEGMENT - 55, 200_000, 300_000])
async def test_a_file_comes_back_as_it_was(intake: Intake, case_id: str, size: int) -> None:
    content = (b"word " * 60_000)[:size]
    sent = await send(intake, case_id, content)
    assert sent.status_code == 201, sent.text
    body = sent.json()
    assert (body["size"], body["sha256"]) == (size, sha256(content).hexdigest())
    back = await fetch(intake, case_id, content)
    assert back.content == content
    assert back.headers["content-length"] == str(size)
    assert back.headers["content-disposition"] == "attachment"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert back.headers["content-type"].startswith("text/plain")


async def test_nothing_in_clear_is_on_the_disk_or_in_the_database(
    intake: Intake, case_id: str, folder: Path, dsns: Mapping[str, str]
) -> None:
    content = PNG + PLANTED * 5_000
    assert (await send(intake, case_id, content)).status_code == 201
    (lying,) = objects(folder)
    sealed = lying.read_bytes()
    assert len(sealed) > len(content)
    names = " ".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
    digest = sha256(content).hexdigest()
    for telling in (PLANTED.decode(), "receipt", case_id, case_id.replace("-", ""), digest, "cust"):
        assert telling not in names
        assert telling.encode() not in sealed
    assert PNG not in sealed
    stored = await everything_stored(dsns["admin"])
    forms = (PLANTED[:20], digest.encode(), bytes.fromhex(digest))
    assert not [t for t, cells in stored.items() for f in forms if any(f in cell for cell in cells)]


async def test_the_same_file_twice_is_one_object_and_one_event(
    intake: Intake, case_id: str, folder: Path
) -> None:
    answers = await asyncio.gather(*(send(intake, case_id) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["position"] for answer in answers}) == 1
    other = await send(intake, case_id, fact="identity_card")
    assert other.json()["fact"] == "evidence.identity_card"
    assert await intake.event_names() == ["case.opened", "evidence.added", "evidence.added"]
    assert len(objects(folder)) == 1
    assert (await fetch(intake, case_id, TEXT)).content == TEXT


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"MZ\x90\x00" + bytes(300), "application/x-msdownload"),
        (b"PK\x03\x04" + bytes(300), "application/zip"),
        (b"\x00\x01\x02", "application/octet-stream"),
    ],
)
async def test_what_is_not_taken_is_named(
    intake: Intake, case_id: str, folder: Path, content: bytes, found: str
) -> None:
    files = {"file": ("receipt.png", content, "image/png")}
    answer = await intake.client.post(f"/v1/cases/{case_id}/evidence", files=files)
    assert answer.status_code == 415, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["found"] == found
    assert "image/png" in answer.json()["taken"]
    assert objects(folder) == []
    assert await intake.event_names() == ["case.opened"]


async def test_an_operator_says_what_is_taken(dsns: Mapping[str, str]) -> None:
    async with running(dsns, evidence_types="application/zip") as intake:
        case = str((await intake.post("", report_body())).json()["id"])
        assert (await send(intake, case, b"PK\x03\x04" + bytes(300))).status_code == 201
        assert (await send(intake, case, TEXT)).status_code == 415


FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
BY = b'--b\r\nContent-Disposition: form-data; name="by"\r\n\r\nnobody\r\n'
FACT = b'--b\r\nContent-Disposition: form-data; name="fact"\r\n\r\nNo Fact\r\n'


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (FILE + b"\r\n--b--\r\n", 422, "/file"),
        (BY + b"--b--\r\n", 422, "/file"),
        (b"", 422, "/file"),
        (FILE + b"half", 422, "/file"),
        (FILE + b"x\r\n" + FILE + b"y\r\n--b--\r\n", 422, "/file"),
        (FILE + b"x\r\n" + BY + b"--b--\r\n", 422, "/by"),
        (FACT + FILE + b"x\r\n--b--\r\n", 422, "/fact"),
        (FILE + b"x" * 300_001 + b"\r\n--b--\r\n", 413, None),
        (BY + b"--b\r\nX: " + b"y" * 500_000, 422, "/file"),
    ],
)
async def test_what_is_no_form_with_one_file_leaves_nothing(
    intake: Intake, case_id: str, folder: Path, body: bytes, status: int, pointer: str | None
) -> None:
    async def arriving() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 5_000):
            yield body[at : at + 5_000]

    answer = await intake.client.post(
        f"/v1/cases/{case_id}/evidence",
        content=arriving(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert objects(folder) == []
    assert await intake.event_names() == ["case.opened"]


async def test_what_says_that_it_is_too_large_is_not_read(intake: Intake, case_id: str) -> None:
    read: list[bytes] = []

    async def arriving() -> AsyncIterator[bytes]:
        read.append(b"")
        yield FILE

    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": "90000000"}
    answer = await intake.client.post(
        f"/v1/cases/{case_id}/evidence", content=arriving(), headers=headers
    )
    assert answer.status_code == 413
    assert read == []


async def test_a_case_that_takes_no_file_any_more_leaves_none(
    intake: Intake, case_id: str, folder: Path
) -> None:
    other = await intake.post("", report_body(external_id="other", transaction={"id": "tx-2"}))
    assert other.status_code == 201, other.text
    merged = await intake.order(case_id, "merge", into=other.json()["id"])
    assert merged.status_code == 200, merged.text
    refused = await send(intake, case_id)
    assert (refused.status_code, refused.json()["reason"]) == (409, "not_in_this_status")
    assert (await send(intake, str(uuid4()))).status_code == 404
    assert objects(folder) == []


async def test_an_erased_customers_file_cannot_be_opened_by_anybody(
    intake: Intake, case_id: str, folder: Path
) -> None:
    assert (await send(intake, case_id)).status_code == 201
    (lying,) = objects(folder)
    entity = await intake.entities.read(UUID(case_id))
    assert entity is not None
    assert entity.state is not None
    case = Case.from_bytes(entity.state)
    assert await intake.entities.sealer.erase(case.subject)
    assert (await fetch(intake, case_id, TEXT)).status_code == 410
    assert (await send(intake, case_id)).status_code == 410
    row = await intake.entities.db.fetchrow("SELECT * FROM evidence_object")
    assert row is not None
    bound_to = case.id.bytes + row["object"].encode()
    sealer = intake.entities.sealer
    assert await sealer.open_bytes(case.subject, row["file_key"], bound_to) is None
    assert objects(folder) == [lying]


async def test_files_of_cases_are_let_go(intake: Intake, case_id: str, folder: Path) -> None:
    other = await intake.post("", report_body(external_id="other", transaction={"id": "tx-2"}))
    await send(intake, case_id, b"one")
    await send(intake, case_id, b"two")
    await send(intake, other.json()["id"], b"three")
    chore = Orphans(intake.entities, evidence(intake, folder).receiver.depot)
    async with intake.entities.db.transaction() as connection:
        await evidence_store.forget(connection, [UUID(case_id), uuid4()])
    assert (await fetch(intake, case_id, b"one")).status_code == 404
    assert len(objects(folder)) == 3
    away = Orphans(intake.entities, evidence(intake, Path("/dev/null/x")).receiver.depot)
    assert await away.step() > 0
    assert await chore.step() > 0
    assert len(objects(folder)) == 1
    assert (await fetch(intake, other.json()["id"], b"three")).content == b"three"
    assert await intake.entities.db.fetch("SELECT FROM evidence_gone") == []


async def test_a_file_that_lies_in_the_database_since_before_is_read_and_let_go(
    intake: Intake, case_id: str, folder: Path
) -> None:
    await send(intake, case_id)
    db, sealer = intake.entities.db, intake.entities.sealer
    row = await db.fetchrow("DELETE FROM evidence_object RETURNING *")
    assert row is not None
    sealed = await sealer.seal_bytes(row["subject"], TEXT, row["case_id"].bytes + row["file"])
    before = "INSERT INTO evidence_blob VALUES ($1, $2, $3, $4, $5)"
    await db.execute(before, row["case_id"], row["file"], row["subject"], sealed, row["at"])
    back = await fetch(intake, case_id, TEXT)
    assert (back.content, back.headers["content-length"]) == (TEXT, str(len(TEXT)))
    await evidence_store.forget(db, [UUID(case_id)])
    assert (await fetch(intake, case_id, TEXT)).status_code == 404


async def test_what_was_done_to_an_object_is_seen_and_never_served(
    intake: Intake, case_id: str, folder: Path
) -> None:
    content = b"word " * 50_000
    await send(intake, case_id, content)
    (lying,) = objects(folder)
    whole = lying.read_bytes()
    lying.write_bytes(whole[:100])
    assert (await fetch(intake, case_id, content)).status_code == 503
    lying.write_bytes(whole[:SEGMENT] + whole[2 * SEGMENT :])
    # The answer had begun: a server cuts the connection, so that nobody takes it for the whole.
    with pytest.raises(RuntimeError, match="already started"):
        await fetch(intake, case_id, content)
    lying.unlink()
    assert (await fetch(intake, case_id, content)).status_code == 404


async def test_a_store_that_is_away_is_no_fault_of_the_sender(
    dsns: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with running(dsns, evidence_store=(tmp_path / "file").as_uri()) as intake:
        case = str((await intake.post("", report_body())).json()["id"])
        answer = await send(intake, case)
        assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
        assert await intake.event_names() == ["case.opened"]


def _age(path: Path, hours: float) -> None:
    os.utime(path, (time.time() - hours * 3600,) * 2)


async def test_the_chore_deletes_what_no_file_needs_after_a_day(
    intake: Intake, case_id: str, folder: Path
) -> None:
    kept = evidence(intake, folder)
    chore = Orphans(intake.entities, kept.receiver.depot)
    lost = []
    for number in range(3):  # received, but the transaction never came
        form = httpx.Request("POST", "http://x", files={"file": ("f", b"lost%d" % number)})

        async def body(content: bytes = form.read()) -> AsyncIterator[bytes]:
            yield content

        received = await kept.receive(UUID(case_id), form.headers["content-type"], body())
        lost.append(folder / received.kept.name)
    half = lost[0].with_name(lost[0].name + "#1")
    half.write_bytes(b"half")
    for path in (*lost[:2], half):
        _age(path, 25)
    assert await chore.step() > 0
    assert set(objects(folder)) == set(lost), "without any row the database may be another one"
    await send(intake, case_id)
    (needed,) = set(objects(folder)) - set(lost)
    _age(needed, 100)
    chore = Orphans(intake.entities, kept.receiver.depot)  # the other has looked within the hour
    assert await chore.step() > 0
    assert set(objects(folder)) == {needed, lost[2]}
    assert (await fetch(intake, case_id, TEXT)).content == TEXT


async def test_the_chore_does_not_fail_where_the_store_is_away(
    intake: Intake, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    away = evidence(intake, tmp_path / "file").receiver.depot
    assert await Orphans(intake.entities, away).step() == 60


async def test_who_sends_is_kept_with_the_file(intake: Intake, case_id: str) -> None:
    by = {"role": "agent", "id": "A1024", "name": "李四"}
    assert (await send(intake, case_id, by=json.dumps(by))).status_code == 201
    case = await intake.get(f"/{case_id}")
    assert case["evidence"][0]["sha256"] == sha256(TEXT).hexdigest()
