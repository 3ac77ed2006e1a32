"""`recourse keys`: API keys of backends and tools. Shows a key once, when it is made."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from services.cli.client import fail
from services.cli.operators import AsJson, State, print_rows
from services.local.state import DEFAULT_STATE, read_description

if TYPE_CHECKING:
    from services.kit.db import Database

keys = typer.Typer(help="API keys, good for every service.", no_args_is_help=True)
_SHOWN = (
    "prefix", "name", "role", "subject", "scopes", "created_at", "expires_at", "last_used_at",
    "revoked_at",
)  # fmt: skip
_T = TypeVar("_T")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="what it is for")],
    role: Annotated[str, typer.Option(help="backend, agent, supervisor or ops")],
    subject: Annotated[
        str | None, typer.Option(help="whom it stands for: a staff number; else the name")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="all that it may do, such as metrics:read; repeatable")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="for how long it is good")] = 365,
    state: State = DEFAULT_STATE,
) -> None:
    """Make a key and print it, once; only its hash is kept."""
    from services.kit.identity import api_keys
    from services.kit.identity.principal import Role

    if role not in api_keys.KEY_ROLES:
        fail(f"no key for the role {role}; there are {', '.join(api_keys.KEY_ROLES)}", 2)
    wanted = api_keys.NewKey(name, Role(role), subject or name, tuple(scope or ()), days)
    key, expires_at = _with_database(state, lambda db: api_keys.create(db, wanted))
    typer.echo(key)
    typer.echo(f"expires at {expires_at.isoformat()}; it is not shown again", err=True)


@keys.command("list")
def list_keys(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """List all keys, newest first, by their prefix."""
    from services.kit.identity import api_keys

    rows = [_plain(row) for row in _with_database(state, api_keys.listed)]
    print_rows(rows, _SHOWN, as_json)


@keys.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="as `list` shows it")], state: State = DEFAULT_STATE
) -> None:
    """End a key; services refuse it within ten seconds. Exits with 1 where none is alive."""
    from services.kit.identity import api_keys

    if not _with_database(state, lambda db: api_keys.revoke(db, prefix)):
        fail(f"no key {prefix} is alive")
    typer.echo(f"{prefix} is revoked")


def _with_database(state: State, work: Callable[[Database], Awaitable[_T]]) -> _T:
    from services.kit.connecting import KEYS_MIGRATIONS
    from services.kit.db import Database
    from services.kit.migrate import migrate

    dsn = _dsn(state)

    async def run() -> _T:
        await migrate(dsn, [("keys", KEYS_MIGRATIONS)])
        db = await Database.open(dsn, name="cli.keys", size=1)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())


def _dsn(state: State) -> str:
    """The keys' database: of the environment, else of the local stack."""
    if "RECOURSE_KEYS_DSN" in os.environ or "RECOURSE_KEYS_DSN_FILE" in os.environ:
        from services.kit.settings import KeysSettings, read_settings

        return read_settings(KeysSettings).keys_dsn
    found = read_description(state)
    if found is None:
        fail(f"set RECOURSE_KEYS_DSN, or name a running local stack: nothing runs on {state}/", 2)
    return str(found["dsn"]["keys"])


def _plain(row: Any) -> dict[str, Any]:
    instants = ("created_at", "expires_at", "last_used_at", "revoked_at")
    texts = {name: row[name] and row[name].isoformat(timespec="seconds") for name in instants}
    return {**dict(row), **texts, "scopes": " ".join(row["scopes"])}
