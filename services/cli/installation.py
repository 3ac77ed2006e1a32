"""`recourse migrate`, `doctor`, `database`, `topics`: an installation's ground, by RECOURSE_*."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.client import fail
from services.cli.operators import Service

if TYPE_CHECKING:
    from services.ground.reconcile import TopicReport

topics = typer.Typer(help="The topics of an installation.", no_args_is_help=True)
database = typer.Typer(help="The database of an installation.", no_args_is_help=True)

WaitS = Annotated[
    float, typer.Option("--wait", min=0, metavar="SECONDS", help="how long to wait for the server")
]


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


@topics.command("create")
def create_topics(wait_s: WaitS = 60) -> None:
    """Create the topics that are missing, and say which differ. Safe to repeat."""
    _tell(_reconciled(create=True, wait_s=wait_s))


@topics.command("check")
def check_topics(wait_s: WaitS = 0) -> None:
    """Change nothing; exits with 1 where a topic is missing or differs."""
    report = _reconciled(create=False, wait_s=wait_s)
    _tell(report)
    raise typer.Exit(0 if report.well else 1)


@database.command("prepare")
def prepare_database(wait_s: WaitS = 60) -> None:
    """Make database, roles and schemas where they are missing. Safe to repeat."""
    from services.ground.reconcile import NotReady, prepared
    from services.ground.settings import DatabaseSettings
    from services.kit.settings import read_settings

    settings = read_settings(DatabaseSettings)
    try:
        roles = asyncio.run(prepared(settings, wait_s))
    except (ValueError, NotReady) as error:
        fail(str(error))
    typer.echo(f"{roles.database} is ready for {', '.join(roles.passwords)}")


def _reconciled(*, create: bool, wait_s: float) -> TopicReport:
    from services.ground.reconcile import NotReady, reconciled
    from services.kit.settings import KafkaSettings, read_settings

    try:
        return asyncio.run(reconciled(read_settings(KafkaSettings), create=create, wait_s=wait_s))
    except NotReady as error:
        fail(str(error))


def _tell(report: TopicReport) -> None:
    for line in report.lines():
        typer.echo(line)


def _service(service: Service) -> tuple[Any, Any]:
    """The blueprint and the settings of a service."""
    from services.kit.settings import read_settings

    module = importlib.import_module(f"services.{service.value}.app")
    settings = read_settings(module.SETTINGS)
    return module.blueprint(settings), settings
