"""`recourse migrate` and `doctor` on a real database and broker, and what they say when not."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.local.broker import BrokerAddress
from services.packs import DEFAULT_PACK
from tests.support import kit

SERVICES = ("intake", "escalation", "notifier")


def recourse(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> pytest.MonkeyPatch:
    monkeypatch.setenv("RECOURSE_KEYS_DSN", dsns["keys"])
    monkeypatch.setenv("RECOURSE_EVIDENCE_STORE", "memory:///")
    monkeypatch.setenv("RECOURSE_MASTER_KEY", base64.b64encode(kit.MASTER).decode())
    monkeypatch.setenv("RECOURSE_KAFKA_BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("RECOURSE_KAFKA_PROFILE", broker.profile.value)
    monkeypatch.setenv("RECOURSE_TOPICS_PREFIX", prefix)
    return monkeypatch


@pytest.mark.parametrize("service", SERVICES)
def test_migrate_applies_once_and_doctor_is_content(
    service: str, environment: pytest.MonkeyPatch, dsns: dict[str, str]
) -> None:
    environment.setenv("RECOURSE_DATABASE_DSN", dsns[service])
    first = recourse("migrate", service)
    assert first.exit_code == 0
    assert "kit/0001_streams.sql" in first.output
    assert recourse("migrate", service).output == "nothing to do\n"
    examined = recourse("doctor", service)
    assert examined.exit_code == 0, examined.output
    assert "keys: none yet" in examined.output
    assert "with all" in examined.output


async def test_doctor_finds_a_wrong_key_and_missing_topics(
    environment: pytest.MonkeyPatch, dsns: dict[str, str]
) -> None:
    environment.setenv("RECOURSE_DATABASE_DSN", dsns["intake"])
    async with kit.entities(dsns, kit.WRITER) as entities:
        await entities.sealer.load([kit.SUBJECT], create=True)
    examined = await asyncio.to_thread(recourse, "doctor", "intake")
    assert "the master key opens them" in examined.output
    assert "ok   evidence: nothing is doubtful" in examined.output
    environment.setenv("RECOURSE_EVIDENCE_STORE", "file:///dev/null/nowhere")
    environment.setenv("RECOURSE_MASTER_KEY", base64.b64encode(b"t" * 32).decode())
    environment.setenv("RECOURSE_TOPICS_PREFIX", "nowhere.")
    examined = await asyncio.to_thread(recourse, "doctor", "intake")
    assert examined.exit_code == 1
    assert "BAD  keys: RECOURSE_MASTER_KEY is not the one" in examined.output
    assert "BAD  topics: missing: nowhere.cases" in examined.output
    assert "look evidence: no file can be taken" in examined.output


ROSTER = """agents:
  - {staff_number: E1, name: Ada, groups: [frontline, nigth], supervisor: S9}
  - {staff_number: E2, name: Bea, groups: [senior, written_care]}
groups:
  - {name: social_care, supervisor: E2}
"""


async def test_doctor_looks_whether_roster_and_packs_fit(
    environment: pytest.MonkeyPatch, dsns: dict[str, str], tmp_path: Path
) -> None:
    environment.setenv("RECOURSE_DATABASE_DSN", dsns["escalation"])
    await asyncio.to_thread(recourse, "migrate", "escalation")
    examined = await asyncio.to_thread(recourse, "doctor", "escalation")
    assert "ok   roster: nothing is doubtful" in examined.output, "the example binds nobody"
    file = tmp_path / "roster.yaml"
    file.write_text(ROSTER)
    environment.setenv("RECOURSE_ROSTER_FILE", str(file))
    examined = await asyncio.to_thread(recourse, "doctor", "escalation")
    assert examined.exit_code == 0, examined.output
    looked = [line for line in examined.output.splitlines() if line.startswith("look roster: ")]
    pack = DEFAULT_PACK / "pack.yaml"
    lines = pack.read_text().splitlines()
    regulatory = lines.index("      group: regulatory_affairs") + 1
    assert f"{file}:2: agents.0.groups.1: no pack has a group 'nigth' (agents: 1)" in looked[0]
    assert f"{file}:2: agents.0.supervisor: supervisor S9 is not in the roster" in looked[1]
    assert f"{pack}:{regulatory}: ladder.rungs.4.group: rung regulator: nobody" in looked[-1]
    assert [line.rpartition(" ")[2] for line in looked[2:]] == [
        "technical_support",
        "social_care",
        "regulatory_affairs",
    ]
    file.write_text("agents: [{staff_number: E1}]")
    examined = await asyncio.to_thread(recourse, "doctor", "escalation")
    assert examined.exit_code == 1
    assert f"BAD  roster: {file}:1: agents.0.name: Field required" in examined.output


def test_doctor_finds_a_wrong_password(
    environment: pytest.MonkeyPatch, dsns: dict[str, str]
) -> None:
    environment.setenv("RECOURSE_DATABASE_DSN", dsns["intake"].replace(":secret@", ":guessed@"))
    examined = recourse("doctor", "intake")
    assert examined.exit_code == 1
    assert "BAD  database: InvalidPasswordError" in examined.output
    assert "guessed" not in examined.output


@pytest.mark.parametrize("command", ["migrate", "doctor", "run"])
def test_missing_settings_are_named(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_DSN", "KEYS_DSN", "MASTER_KEY", "KAFKA_BOOTSTRAP"):
        monkeypatch.delenv(f"RECOURSE_{name}", raising=False)
    ended = recourse(command, "intake")
    assert ended.exit_code != 0
    assert "RECOURSE_DATABASE_DSN: Field required" in str(ended.exception)
