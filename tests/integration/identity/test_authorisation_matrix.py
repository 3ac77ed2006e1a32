"""Role x route x own, foreign and absent object, for every route of the OpenAPI documents.

The expectation is `tests/data/authorisation.md`: a table that a person can check. `yes` says that
the service itself decided (2xx, or 409 where the case does not allow it now).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.kit.identity.access import OPERATIONS
from tests.support.matrix import PEOPLE, ROLES, Ask, asks, populate, request_of, stating
from tests.support.town import MODULES, Town, status_of, town

TABLE = Path(__file__).parents[2] / "data" / "authorisation.md"
_HEAD = """# Who may do what

`own / foreign / absent` object, or one word where the route names none or all are alike. `yes`: the
service decides (2xx, or 409). Written by `RECOURSE_WRITE_GOLDENS=1`; a change here is a change of
what people may do.

"""
_METHODS = ("get", "post", "put", "patch", "delete")


def routes_of(here: Town) -> Iterator[tuple[str, str, str]]:
    """Service, method and path of every operation that the documents describe."""
    for service, house in here.houses.items():
        for path, item in house.app.openapi()["paths"].items():
            for method in _METHODS:
                if method in item:
                    yield service, method.upper(), path


async def cell(here: Town, service: str, role: str, asked: Iterable[Ask]) -> str:
    """What a role meets with requests, one to each object."""
    client = here.clients[service]
    headers = {} if role == "nobody" else here.as_(role, PEOPLE[role])
    met = []
    for ask in asked:
        status = await status_of(here.houses[service].guard, request_of(client, ask, headers))
        met.append("yes" if status < 300 or status == 409 else str(status))
    return met[0] if len(set(met)) == 1 else " / ".join(met)


async def test_nobody_may_more_or_less_than_the_table_says(dsns: dict[str, str]) -> None:
    async with town(dsns) as here:
        on = await populate(here)
        lines = [f"| route | {' | '.join(ROLES)} |", f"| --- |{' --- |' * len(ROLES)}"]
        # What takes things away comes last.
        routes = sorted(routes_of(here), key=lambda route: route[1] == "DELETE")
        for service, method, path in routes:
            row = [await cell(here, service, role, asks(method, path, role, on)) for role in ROLES]
            lines.append(f"| {method} {path} | {' | '.join(row)} |")
        row = [await cell(here, "intake", role, stating(on)) for role in ROLES]
        lines.append(f"| POST /v1/cases with `identity_verified` | {' | '.join(row)} |")
    table = _HEAD + "\n".join(lines) + "\n"
    if os.environ.get("RECOURSE_WRITE_GOLDENS"):
        TABLE.write_text(table)
    assert table == TABLE.read_text()


async def test_every_route_has_a_rule_and_every_rule_a_route(dsns: dict[str, str]) -> None:
    async with town(dsns) as here:
        described = {name: set[str]() for name in MODULES}
        for service, method, path in routes_of(here):
            described[service].add(f"{method} {path}")
        for name, house in here.houses.items():
            assert house.parts.access.missing(described[name]) == set(), name
            assert house.parts.access.rules.keys() == described[name], name
            assert not house.parts.access.rules.keys() & OPERATIONS.rules.keys()
