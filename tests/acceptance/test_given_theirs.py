"""A customer is given theirs by command; who was shown what, and what is kept how long, is seen."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.test_imports import run
from tests.support.desk import Desk, report_of
from tests.support.stack import RunningStack

pytestmark = pytest.mark.system
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def test_export_audit_and_retention_by_command(
    desk: Desk, stack: RunningStack, tmp_path: Path
) -> None:
    case = (await desk.report(report_of("theirs")))["id"]
    sent = await stack.client.post(
        f"/v1/cases/{case}/evidence", files={"file": ("receipt.png", _PNG)}
    )
    assert sent.status_code == 201, sent.text
    await stack.to("11-20T10:05")
    here = ("--state", str(stack.state))
    said = {"RECOURSE_ACTOR": "dpo-1", "RECOURSE_PURPOSE": "dsar:117"}
    archive = tmp_path / "theirs.zip"
    ran = await run("export", "--case", case, "--output", str(archive), *here, **said)
    assert ran.code == 0, ran.complaint
    with zipfile.ZipFile(archive) as found:
        document = json.loads(found.read("export.json"))
        assert found.read(f"evidence/{case}/{sent.json()['sha256']}") == _PNG
    assert archive.stat().st_mode & 0o077 == 0
    told = document["cases"][case]
    assert (told["case"]["case_id"], told["ladder"]["case_id"]) == (case, case)
    assert any(message["text"] for message in told["messages"])
    again = await run("export", "--case", case, "--output", str(archive), *here)
    assert (again.code, "is there already" in again.complaint) == (2, True)
    ran = await run("audit", "--case", case, "--actor", "dpo-1", "--json", *here)
    seen = {(line["service"], line["purpose"]) for line in json.loads(ran.said)}
    assert seen == {(name, "dsar:117") for name in ("intake", "escalation", "notifier")}
    ran = await run("retention", "--json", *here)
    kept = {(line["service"], line["kept"]): line["days"] for line in json.loads(ran.said)}
    assert (kept["intake", "evidence"], kept["notifier", "texts"]) == (1826, 1826)
    assert kept["escalation", "log"] is None
