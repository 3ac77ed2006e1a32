"""Cases of another system through the whole stack, and their explanation on another machine."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import Desk, report_of
from tests.support.stack import ROOT, RunningStack

pytestmark = pytest.mark.system
OPENED_AT = "2026-11-17T15:00:00+08:00"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to."""

    code: int
    said: bytes
    complaint: str


async def run(*arguments: str, **environment: str) -> Ran:
    """`recourse ...`, configured by nothing of ours."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("RECOURSE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *arguments),
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate()
    return Ran(process.returncode or 0, said, complaint.decode())


def line(name: str, mode: str, **changes: Any) -> dict[str, Any]:
    """One line of an import file."""
    return {**report_of(name), "mode": mode, "opened_at": OPENED_AT, **changes}


async def the_case(desk: Desk, name: str) -> str:
    """The id of the case of a customer."""
    (item,) = (await desk.get("/v1/cases", customer=f"cust-{name}"))["items"]
    return str(item["id"])


async def test_an_import_file_is_taken_line_by_line(
    desk: Desk, stack: RunningStack, tmp_path: Path
) -> None:
    lines = [
        line("old", "historical", status="closed"),
        line("running", "resume", consumed={"resolution": "PT7H30M"}),
        line("new", "fresh"),
        line("wrong", "resume", consumed={"nothing": "PT1H"}),
    ]
    file = tmp_path / "cases.ndjson"
    text = "\n".join(json.dumps(each, ensure_ascii=False) for each in lines)
    file.write_text(text + "\n\n{not json\n", encoding="utf-8")
    state = str(stack.state)
    first = await run("import", str(file), "--state", state)
    assert (first.code, first.said.decode().strip()) == (
        1,
        "5 lines: 3 opened, 0 known, 2 refused",
    ), first.complaint
    assert f"{file}:4: /consumed/nothing: the case has no clock nothing" in first.complaint
    assert f"{file}:6: not JSON: " in first.complaint
    file.write_text("\n".join(text.split("\n")[:3]), encoding="utf-8")
    again = await run("import", str(file), "--state", state)
    assert (again.code, again.said.decode().strip()) == (0, "3 lines: 0 opened, 3 known, 0 refused")
    await stack.quiet()


async def test_history_stands_still_and_nobody_is_told(desk: Desk, stack: RunningStack) -> None:
    old, running = await the_case(desk, "old"), await the_case(desk, "running")
    await stack.to("11-20T10:40")
    ladder = await desk.get(f"/v1/ladders/{old}")
    assert (ladder["state"], ladder["stopped"], ladder["clocks"]) == ("stopped", "imported", [])
    deliveries = (await desk.get("/v1/deliveries", case_id=old))["items"]
    assert {(each["status"], each["reason"]) for each in deliveries} == {("suppressed", "imported")}
    # What ran elsewhere for seven and a half hours has half an hour left.
    climbed = await desk.get(f"/v1/ladders/{running}")
    clock = next(each for each in climbed["clocks"] if each["name"] == "resolution")
    assert clock["missed_at"] == clock["due_at"] == "2026-11-20T10:20:00+08:00"
    told = (await desk.get("/v1/deliveries", case_id=running))["items"]
    assert "sent" in {each["status"] for each in told}


async def test_a_case_is_explained_elsewhere_byte_for_byte(
    desk: Desk, stack: RunningStack, tmp_path: Path
) -> None:
    for name in ("old", "running", "new"):
        case_id, state = await the_case(desk, name), str(stack.state)
        online = await run("case", "explain", case_id, "--state", state)
        exported = await run("case", "export", case_id, "--state", state)
        assert (online.code, exported.code) == (0, 0), online.complaint + exported.complaint
        file = tmp_path / f"{name}.json"
        file.write_bytes(exported.said)
        # A folder of no stack: there is nothing it could ask.
        elsewhere = ("--state", str(tmp_path))
        offline = await run("case", "explain", case_id, "--offline", str(file), *elsewhere)
        assert (offline.code, offline.complaint) == (0, "")
        assert offline.said == online.said
        changed = json.loads(exported.said)
        changed["entries"][-1]["produced"][0]["id"] = case_id
        file.write_text(json.dumps(changed))
        refused = await run("case", "explain", case_id, "--offline", str(file), *elsewhere)
        assert (refused.code, refused.said) == (1, b"")
        assert f"entry {len(changed['entries'])} (" in refused.complaint
