"""A supervised process: scrubbed environment, own log, restarted when it dies, ended for good."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.local.faults import StartFailed
from services.local.process import ProcessSpec, Supervised, scrubbed_environment

DEADLINE_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


def spec(tmp_path: Path, code: str, **settings: float) -> ProcessSpec:
    return ProcessSpec(
        name="child",
        command=lambda: [sys.executable, "-c", code],
        environment=scrubbed_environment(GREETING="hello"),
        log_file=tmp_path / "child.log",
        **settings,  # type: ignore[arg-type]  # only stop_timeout_s is ever passed
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_process_is_started_again_and_counted(tmp_path: Path) -> None:
    child = Supervised(spec(tmp_path, "import time; time.sleep(600)"))
    await child.start()
    try:
        await child.wait_ready(DEADLINE_S)
        first = child.pid
        assert first is not None
        assert os.getpgid(first) == first
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.restarts == 1 and child.is_ready)
        assert child.pid not in (None, first)
    finally:
        await child.stop()
    assert child.pid is None


async def test_it_sees_a_scrubbed_environment_and_writes_to_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTENER_URL", "tcp://0.0.0.0:9092")
    code = "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)"
    child = Supervised(spec(tmp_path, code))
    await child.start()
    try:
        await until(lambda: b"GREETING" in (tmp_path / "child.log").read_bytes())
    finally:
        await child.stop()
    assert b"LISTENER_URL" not in (tmp_path / "child.log").read_bytes()


async def test_it_is_ready_only_when_prepared_and_prepared_after_every_start(
    tmp_path: Path,
) -> None:
    prepared: list[int | None] = []

    async def prepare() -> None:
        prepared.append(child.pid)

    child = Supervised(spec(tmp_path, "import time; time.sleep(600)"), prepare)
    await child.start()
    try:
        await child.wait_ready(DEADLINE_S)
        await child.restart()
        assert child.is_ready
        assert len(set(prepared)) == 2
        assert child.restarts == 1
    finally:
        await child.stop()


async def test_one_that_cannot_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    async def prepare() -> None:
        await asyncio.Event().wait()

    child = Supervised(spec(tmp_path, "raise SystemExit('no such database')"), prepare)
    await child.start()
    try:
        with pytest.raises(StartFailed, match=r"(?s)child ended 3 times.*no such database"):
            await child.wait_ready(DEADLINE_S)
    finally:
        await child.stop()


async def test_a_program_that_is_not_there_cannot_be_started(tmp_path: Path) -> None:
    missing = ProcessSpec("child", lambda: ["/no/such/program"], {}, tmp_path / "child.log")
    with pytest.raises(StartFailed, match="child cannot be started"):
        await Supervised(missing).start()


async def test_one_that_ignores_its_stop_signal_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(600)"
    )
    child = Supervised(spec(tmp_path, code, stop_timeout_s=0.2))
    await child.start()
    await until(lambda: b"deaf" in (tmp_path / "child.log").read_bytes())
    pid = child.pid
    assert pid is not None
    await child.stop()
    assert not is_alive(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent")
def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    code = f"""
import asyncio, pathlib, sys
from services.local.process import ProcessSpec, Supervised
async def main():
    child = Supervised(ProcessSpec("child", lambda: ["sleep", "600"], {{"PATH": "/bin:/usr/bin"}},
                                   pathlib.Path({str(tmp_path / "child.log")!r})))
    await child.start()
    print(child.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    environment = scrubbed_environment(PYTHONPATH=str(Path(__file__).parents[3]))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert is_alive(pid)
        supervisor.kill()
    deadline = time.monotonic() + DEADLINE_S
    while _still_runs(pid):
        assert time.monotonic() < deadline, "the child outlived its supervisor"
        time.sleep(0.01)


def _still_runs(pid: int) -> bool:
    """A zombie that nobody has reaped yet does not run."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
