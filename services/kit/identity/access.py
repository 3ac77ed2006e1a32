"""The table of a service's routes: who may use each, and on what.

Owns the form of a rule and the finding of it; a route that the table does not name is nobody's.
What a rule says of a thing is asked in `things`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from starlette.routing import compile_path
from starlette.types import Scope

from services.kit.identity.principal import Role
from services.kit.identity.things import Thing


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use a route.

    `anyones` roles may do it to any object; `owners` only to what is their own, which `thing`
    tells. `commands` says which commands a role may give (all, where it is not named), `acts` that
    the body's `by` must be the caller. `needs` is a scope without which nobody may. `public` is
    for what says nothing about anybody. `bounded` False: the route bounds its own body;
    `streams`: it bounds its own time, or its answer takes as long as it likes. `shows` names the
    kinds of private data that an answer may hold: each such answer is audited; `shows_new` False:
    but not a 201, which tells whoever made something only what they have said.
    """

    anyones: frozenset[Role] = frozenset()
    owners: frozenset[Role] = frozenset()
    thing: Thing | None = None
    commands: Mapping[Role, frozenset[str]] = field(default_factory=dict)
    acts: bool = False
    needs: str | None = None
    public: bool = False
    bounded: bool = True
    streams: bool = False
    shows: frozenset[str] = frozenset()
    shows_new: bool = True
    scope: str = ""

    def __post_init__(self) -> None:
        if self.owners and self.thing is None:
            raise ValueError("what is one's own has to be told by a thing")


def roles(*wanted: Role) -> frozenset[Role]:
    """A set of roles, readable in a table."""
    return frozenset(wanted)


STAFF: Final = roles(Role.AGENT, Role.SUPERVISOR)
EVERYONE: Final = frozenset(Role)
CUSTOMER: Final = roles(Role.CUSTOMER)
SUPERVISOR: Final = roles(Role.SUPERVISOR)
OPS: Final = roles(Role.OPS)
BACKEND: Final = roles(Role.BACKEND)


class Found(NamedTuple):
    """The rule of a request, with the parameters of its path; None: the table has none."""

    rule: Rule | None
    parameters: Mapping[str, str]
    methods: frozenset[str]
    route: str = ""

    @property
    def shows(self) -> frozenset[str]:
        """The kinds of private data that the answer may hold."""
        return self.rule.shows if self.rule else frozenset()


def keep_found(scope: Scope, found: Found) -> None:
    """Let who comes after know which rule a request came under."""
    scope.setdefault("state", {})["found"] = found


def found_in(scope: Scope) -> Found | None:
    """The rule that a request came under."""
    found: Found | None = scope.get("state", {}).get("found")
    return found


class _Row(NamedTuple):
    route: str
    method: str
    path: re.Pattern[str]
    literal: bool
    rule: Rule


class Access:
    """Rules by `GET /v1/cases/{case_id}`."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = {route: _scoped(route, rule) for route, rule in rules.items()}
        self._rows = sorted(map(_row, self.rules.items()), key=lambda row: not row.literal)

    def __or__(self, other: Access) -> Access:
        return Access({**self.rules, **other.rules})

    def find(self, method: str, path: str) -> Found:
        """The rule of a request; a path without parameters goes before one that would take it."""
        methods: set[str] = set()
        for row in self._rows:
            match = row.path.match(path)
            if match and row.method == method:
                return Found(row.rule, match.groupdict(), frozenset(), row.route)
            if match:
                methods.add(row.method)
        return Found(None, {}, frozenset(methods))

    def missing(self, routes: Iterable[str]) -> set[str]:
        """Routes that have no rule."""
        return set(routes) - self.rules.keys()


def _row(item: tuple[str, Rule]) -> _Row:
    method, path = item[0].split(" ")
    pattern, _, convertors = compile_path(path)
    return _Row(item[0], method, pattern, not convertors, item[1])


def _scoped(route: str, rule: Rule) -> Rule:
    """A rule with the scope that a narrowed API key needs for it: `cases:read`, `metrics:read`."""
    method, path = route.split(" ")
    area = path.removeprefix("/v1").split("/")[1]
    return replace(rule, scope=f"{area}:{'read' if method == 'GET' else 'write'}")


OPERATIONS: Final = Access(
    {
        "GET /livez": Rule(public=True),
        "GET /readyz": Rule(public=True),
        "GET /openapi.json": Rule(EVERYONE),
        "GET /metrics": Rule(OPS),
        "GET /metrics/": Rule(OPS),  # where the one before leads
        "GET /internal/quiet": Rule(OPS),
        "GET /internal/dead-letters": Rule(OPS),
        # Its original bytes may be personal data.
        "GET /internal/dead-letters/{hash}": Rule(
            OPS, needs="private:read", shows=frozenset({"messages"})
        ),
        "POST /internal/dead-letters/{hash}/requeue": Rule(OPS),
        "POST /internal/dead-letters/{hash}/skip": Rule(OPS),
        "GET /internal/parked": Rule(OPS),
        "GET /internal/retention": Rule(OPS),
        "POST /internal/republish/{topic}": Rule(OPS),
    }
)
"""The routes that every service has."""
