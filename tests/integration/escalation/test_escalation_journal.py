"""The journal on a real database: what an export holds, and the explanation it leads to alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.escalation import Escalation

ROOT = Path(__file__).parents[3]


def explain_offline(case_id: UUID | str, file: Path) -> subprocess.CompletedProcess[bytes]:
    """`recourse case explain` in a process that knows of no database, broker or address."""
    command = [sys.executable, "-m", "services.cli", "case", "explain", str(case_id)]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [*command, "--offline", str(file)],
        cwd=file.parent,
        env={**kept, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )


def printed(answer: dict[str, Any]) -> bytes:
    """What the online command prints of an answer."""
    return (json.dumps(answer, ensure_ascii=False, indent=2) + "\n").encode()


async def eventful(escalation: Escalation) -> UUID:
    """A case that was held, asked, paused, answered late, climbed, was resolved and reopened."""
    case_id = await escalation.opened()
    await escalation.go_to("11-20T10:05:00")
    assert (await escalation.order(case_id, "claim")).status_code == 200
    by = {"role": "agent", "id": "A1024", "name": "李四"}
    await escalation.tell(
        case_id, "customer.asked", by=by, by_role="agent", status="waiting_customer", text="回执?"
    )
    await escalation.go_to("11-21T20:00:00")
    customer = {"role": "customer", "id": "cust-1001", "name": "张三"}
    await escalation.tell(
        case_id, "customer.answered", by=customer, by_role="customer", facts={"receipt": "附件"}
    )
    await escalation.go_to("11-23T09:30:00")
    paused = await escalation.order(
        case_id, "pause", reason="张三不在", until="2026-11-23T10:00:00+08:00"
    )
    assert paused.status_code == 200, paused.text
    await escalation.go_to("11-25T12:00:00")
    await escalation.tell(case_id, "case.resolved", status="resolved", by=by, by_role="agent")
    await escalation.tell(case_id, "case.reopened", episode=2, by=customer, by_role="customer")
    asked = await escalation.order(
        case_id, "escalate", reason="太慢了", role="customer", by="cust-1001"
    )
    assert asked.status_code == 200, asked.text
    return case_id


async def test_the_offline_explanation_is_the_online_one_byte_for_byte(
    escalation: Escalation, tmp_path: Path
) -> None:
    case_id = await eventful(escalation)
    online = printed(await escalation.get(f"/v1/ladders/{case_id}/explain"))
    export = await escalation.get(f"/v1/ladders/{case_id}/export")
    file = tmp_path / "case.json"
    file.write_bytes(printed(export))
    offline = explain_offline(case_id, file)
    assert (offline.returncode, offline.stderr) == (0, b"")
    assert offline.stdout == online
    kinds = {entry["kind"] for entry in export["entries"]}
    assert kinds == {"event", "wake", "command"}
    # Paused clocks too: their arithmetic ends at the pause, whatever time it is.
    await escalation.tell(case_id, "customer.asked", status="waiting_customer")
    waiting = printed(await escalation.get(f"/v1/ladders/{case_id}/explain"))
    await escalation.go_to("11-26T12:00:00")
    assert printed(await escalation.get(f"/v1/ladders/{case_id}/explain")) == waiting
    file.write_bytes(printed(await escalation.get(f"/v1/ladders/{case_id}/export")))
    assert explain_offline(case_id, file).stdout == waiting


async def test_the_journal_holds_no_personal_data(escalation: Escalation) -> None:
    case_id = await eventful(escalation)
    text = json.dumps(await escalation.get(f"/v1/ladders/{case_id}/export"), ensure_ascii=False)
    entries = json.dumps(json.loads(text)["entries"], ensure_ascii=False)
    for planted in ("张三", "李四", "cust-1001", "回执", "附件", "太慢了", "不在", "对方没有收到"):
        assert planted not in entries, planted
    assert "A1024" in entries


async def test_every_change_of_an_export_is_named(escalation: Escalation, tmp_path: Path) -> None:
    case_id = await escalation.opened()
    await escalation.go_to("11-20T10:13:00")
    export = await escalation.get(f"/v1/ladders/{case_id}/export")
    for place, value, said in CHANGES:
        changed = json.loads(json.dumps(export))
        target: Any = changed
        for key in place[:-1]:
            target = target[key]
        target[place[-1]] = value
        file = tmp_path / "changed.json"
        file.write_bytes(printed(changed))
        refused = explain_offline(case_id, file)
        assert (refused.returncode, refused.stdout) == (1, b""), place
        assert said in refused.stderr.decode(), refused.stderr.decode()
    file.write_bytes(printed(export))
    assert "is the export of case" in explain_offline(UUID(int=1), file).stderr.decode()
    file.write_bytes(b"{}")
    assert "not an export of a case" in explain_offline(case_id, file).stderr.decode()


Place = tuple[str | int, ...]
CHANGES: tuple[tuple[Place, Any, str], ...] = (
    (("policy", "document", "stale_grace"), "PT11M", "policy digest: the export says"),
    (("calendars", "always"), "sha256:0", "calendar always: the journal says sha256:0"),
    (("entries", 0, "trigger"), str(UUID(int=1)), "entry 1 (recourse.case.opened.v1): id of"),
    (("entries", 0, "data", "started_at"), "2026-11-20T09:00:00+08:00", "entry 1 (recourse"),
    (("entries", 1, "now"), "2026-11-20T02:14:00Z", "entry 2 (wake): "),
    (("entries", 1, "wake_at"), "2026-11-20T02:14:00Z", "entry 2 (wake): wake_at: the journal"),
    (("entries", 1, "produced", 0, "data", "due_at"), "x", "recourse.clock.missed.v1 due_at: "),
    (("entries",), [], "the journal has no entry"),
)


async def test_early_and_refused_triggers_leave_no_entry(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.timers.step()
    refused = await escalation.order(case_id, "release")
    assert refused.status_code == 409
    rows = await escalation.entities.db.fetch("SELECT kind, events FROM journal")
    assert [tuple(row) for row in rows] == [("event", 5)]
