"""docker-compose.yml as an operator starts it: own project, own secrets, free ports, real images.

Owns whether that can be done here, start and removal, and the ways to hurt it. Speaks to it by the
`docker` command and by what it publishes on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from services.local.ports import free_port
from tests.support.stack import ROOT, RunningStack

JOBS: Final = ("database", "migrate-intake", "migrate-escalation", "migrate-notifier", "topics")
_PREFIX: Final = "recourse."
_PULL_S: Final = 600
_UP_S: Final = 900
_COMMAND_S: Final = 120
_PORTS: Final = ("RECOURSE_PORT", "KAFKA_PORT", "MAIL_PORT", "PROMETHEUS_PORT")
_KILL_OUR_PROCESS: Final = """
import os
for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
    words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
    if pid not in (1, os.getpid()) and any(word.endswith(b"/recourse") for word in words):
        os.kill(pid, 9)
        break
else:
    raise SystemExit("no process of ours is here")
"""


def why_not() -> str | None:
    """Why the stack cannot be run on this machine; None when it can.

    That an engine answers is not enough: the images must be there, or come when asked for.
    """
    if shutil.which("docker") is None:
        return "there is no `docker` command"
    for asked, what in (
        (("version", "--format", "{{.Server.Version}}"), "no Docker engine answers"),
        (("compose", "version"), "`docker` has no compose plugin"),
    ):
        if complaint := _refused(asked, 10):
            return f"{what}: {complaint}"
    for image in _foreign_images():
        if _refused(("image", "inspect", image), 10) and (
            complaint := _refused(("pull", "--quiet", image), _PULL_S)
        ):
            return f"the engine cannot have {image}: {complaint}"
    return None


def _refused(arguments: tuple[str, ...], timeout_s: float) -> str | None:
    try:
        ended = subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_s:g} s"
    if ended.returncode == 0:
        return None
    return (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-1][:200]


def _foreign_images() -> list[str]:
    """What must be pulled: everything but our own image and what only a profile starts."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    pulled = {s["image"] for s in services if "profiles" not in s and "recourse:" not in s["image"]}
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    return sorted({*pulled, dockerfile.split("ARG PYTHON_IMAGE=", 1)[1].split("\n", 1)[0]})


@dataclass(frozen=True, slots=True)
class Containers:
    """A running project. `desk_stack` is what `Desk` and reports by Kafka need."""

    project: str
    environment: dict[str, str]
    desk_stack: RunningStack
    mail: str
    prometheus: str

    async def compose(self, *arguments: str, timeout_s: float = _COMMAND_S) -> str:
        """What `docker compose ...` prints; it must succeed."""
        return await _docker(
            self.environment, "compose", "--project-name", self.project, *arguments,
            timeout_s=timeout_s,
        )  # fmt: skip

    async def inside(self, service: str, *command: str) -> str:
        """What a command prints inside a container; it must succeed."""
        return await self.compose("exec", "--no-TTY", service, *command)

    async def kill(self, service: str) -> None:
        """`docker kill`: SIGKILL to everything in the container; the engine leaves it dead."""
        await self.compose("kill", service)

    async def start(self, *services: str) -> None:
        """`docker compose up` of these alone; returns when they are healthy."""
        await self.compose(
            "up", "--detach", "--no-build", "--no-deps", "--wait", *services, timeout_s=_UP_S
        )

    async def kill_process(self, service: str) -> None:
        """SIGKILL to our process inside its container: the engine sees it die by itself."""
        await self.inside(service, "python", "-c", _KILL_OUR_PROCESS)

    async def state(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        found = (await self.compose("ps", "--all", "--quiet", service)).split()
        (described,) = json.loads(await _docker(self.environment, "inspect", *found))
        return dict(described)

    async def stop(self, service: str) -> tuple[float, int]:
        """`docker compose stop`; answers the seconds it took and the exit code."""
        began = time.monotonic()
        await self.compose("stop", service)
        took_s = time.monotonic() - began
        return took_s, int((await self.state(service))["State"]["ExitCode"])

    async def mails(self) -> list[dict[str, Any]]:
        """Everything that lies in the mailbox."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.get(f"{self.mail}/email")
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    async def prometheus_says(self, path: str, **parameters: str) -> Any:
        """The data of an answer of Prometheus' HTTP interface."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.get(f"{self.prometheus}/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def rows(self, query: str) -> list[str]:
        """The rows that psql prints, as the superuser inside the database's container."""
        psql = (
            "PGPASSWORD=$(cat /run/secrets/postgres_password) "
            'exec psql -h 127.0.0.1 -U postgres -d recourse -Atc "$0"'
        )
        return (await self.inside("postgres", "sh", "-c", psql, query)).splitlines()


@contextlib.asynccontextmanager
async def compose_up() -> AsyncIterator[Containers]:
    """The whole project, healthy; its containers, volumes and networks are removed at the end.

    The image `recourse:compose-test` stays, so that the next run builds from the cache.
    """
    with tempfile.TemporaryDirectory(prefix="rc") as folder:
        environment = _environment(Path(folder))
        subprocess.run(["sh", ROOT / "deploy/make-secrets.sh", folder], check=True)
        async with _project(environment) as containers:
            yield containers


@contextlib.asynccontextmanager
async def _project(environment: dict[str, str]) -> AsyncIterator[Containers]:
    front, kafka, mail, prometheus = (f"127.0.0.1:{environment[name]}" for name in _PORTS)
    async with httpx.AsyncClient(base_url=f"http://{front}", timeout=30, trust_env=False) as client:
        stack = RunningStack(f"http://{front}", kafka, "", _PREFIX, ROOT, client)
        project = f"recourse-test-{os.getpid()}"
        running = Containers(project, environment, stack, f"http://{mail}", f"http://{prometheus}")
        try:
            await running.compose("up", "--detach", "--build", "--wait", timeout_s=_UP_S)
            yield running
        except BaseException:
            print(await running.compose("logs", "--tail", "40"))
            raise
        finally:
            await running.compose("down", "--volumes", "--timeout", "10", timeout_s=_UP_S)


def _environment(secrets: Path) -> dict[str, str]:
    """Ours without what could configure the stack, and where this run's stack is to be."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("RECOURSE_")}
    return {
        **kept,
        **{name: str(free_port()) for name in _PORTS},
        "RECOURSE_TAG": "compose-test",
        "RECOURSE_SECRETS": str(secrets),
        # Where pip's index can be reached in any case.
        "BUILD_NETWORK": os.environ.get("BUILD_NETWORK", "host"),
    }


async def _docker(
    environment: dict[str, str], *arguments: str, timeout_s: float = _COMMAND_S
) -> str:
    process = await asyncio.create_subprocess_exec(
        "docker", *arguments,
        cwd=ROOT,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        said, complaint = await asyncio.wait_for(process.communicate(), timeout_s)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    command = " ".join(arguments)
    assert process.returncode == 0, f"docker {command}:\n{complaint.decode()[-3000:]}"
    return said.decode()
