"""`recourse migrate` and `recourse doctor`: an installation's ground, configured by RECOURSE_*."""

from __future__ import annotations

import asyncio
import importlib
from typing import Annotated, Any

import typer

from services.cli.operators import Service


def migrate(service: Annotated[Service, typer.Argument(help="whose schema")]) -> None:
    """Bring one service's schema, and the keys', up to date. Safe to repeat."""
    from services.kit.connecting import migrate_all

    blueprint, settings = _service(service)
    applied = asyncio.run(migrate_all(blueprint, settings))
    typer.echo("\n".join(applied) if applied else "nothing to do")


def doctor(service: Annotated[Service, typer.Argument(help="whose settings")]) -> None:
    """Check settings, database, keys, broker, roster; exits with 1 where something is to mend."""
    from services.cli.examination import Verdict, examine

    blueprint, settings = _service(service)
    findings = asyncio.run(examine(blueprint, settings))
    for finding in findings:
        typer.echo(f"{finding.verdict:<4} {finding.what}: {finding.detail}")
    raise typer.Exit(1 if any(finding.verdict is Verdict.BAD for finding in findings) else 0)


def _service(service: Service) -> tuple[Any, Any]:
    """The blueprint and the settings of a service."""
    from services.kit.settings import read_settings

    module = importlib.import_module(f"services.{service.value}.app")
    settings = read_settings(module.SETTINGS)
    return module.blueprint(settings), settings
