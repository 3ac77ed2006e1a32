"""What intake remembers beside its entities: identities, search, files, policies.

Owns the tables of `migrations/` and every blind key. Decides nothing; every statement is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from schemas.case import PackPin
from schemas.pack import Pack
from schemas.report import Report
from services.intake.core.collapsing import Matter, matters_of
from services.intake.core.state import Case, Policies, Policy
from services.kit.sealing import Sealer
from services.kit.sql import Queries
from services.packs import LoadedPack

QUERIES: Final = Queries(Path(__file__).with_name("queries.sql"))
MIGRATIONS: Final = Path(__file__).with_name("migrations")


class Session(Protocol):
    """A connection or a pool."""

    async def fetch(self, statement: str, *args: Any) -> list[Any]: ...
    async def fetchrow(self, statement: str, *args: Any) -> Any: ...
    async def execute(self, statement: str, *args: Any) -> str: ...


@dataclass(frozen=True, slots=True)
class Blind:
    """The keyed blind indexes under which intake finds a case without holding the text."""

    sealer: Sealer

    def identity(self, source: str, external_id: str) -> bytes:
        """Of a report."""
        return self.sealer.blind("identity", f"{source}\0{external_id}")

    def subject_of(self, report: Report) -> UUID:
        """Whom a report is about: under whose key its case is sealed."""
        return self.sealer.subject_of("customer", report.customer.id)

    def matter(self, about: Matter) -> bytes:
        """Of a customer with a transaction, or with a category: what contacts collapse by."""
        if about.transaction_id is not None:
            return self.sealer.blind("matter", f"{about.customer_id}\0{about.transaction_id}")
        return self.sealer.blind("matter-category", f"{about.customer_id}\0{about.category}")

    def customer(self, customer_id: str) -> bytes:
        """Of a customer."""
        return self.sealer.blind("customer", customer_id)

    def phone(self, phone: str) -> bytes:
        """Of a phone number; a query string turns its plus sign into a space."""
        return self.sealer.blind("phone", "+" + phone.strip().lstrip("+"))

    def email(self, email: str) -> bytes:
        """Of an e-mail address, whatever its case."""
        return self.sealer.blind("email", email.strip().casefold())

    def transaction(self, transaction_id: str) -> bytes:
        """Of a transaction."""
        return self.sealer.blind("transaction", transaction_id)

    def file(self, case_id: UUID, sha256: str) -> bytes:
        """Of a file of a case."""
        return self.sealer.blind("file", f"{case_id}\0{sha256}")

    def keys(self, case: Case) -> list[bytes]:
        """Everything by which a case can be found."""
        customer = case.customer
        keys = [self.customer(customer.id)]
        if customer.phone:
            keys.append(self.phone(customer.phone))
        if customer.email:
            keys.append(self.email(customer.email))
        transaction_id = case.transaction_id()
        if transaction_id:
            keys.append(self.transaction(transaction_id))
        keys.extend(self.matter(about) for about in matters_of(case))
        return keys


async def advise(session: Session, keys: Iterable[bytes]) -> None:
    """Hold, until the transaction ends, the right to admit reports of these keys."""
    numbers = sorted({int.from_bytes(key[:8], signed=True) for key in keys})
    if numbers:
        await session.fetch(QUERIES["advise"], numbers)


@dataclass(frozen=True, slots=True)
class Known:
    """The cases that are known by identity, and by matter those that are not over."""

    identities: dict[bytes, UUID]
    matters: dict[bytes, list[UUID]]


async def known(session: Session, identities: Iterable[bytes], matters: Iterable[bytes]) -> Known:
    """The cases behind some identities and matters."""
    wanted, near = set(identities), set(matters)
    found = Known({}, defaultdict(list))
    if wanted or near:
        for row in await session.fetch(QUERIES["known"], sorted(wanted), sorted(near)):
            if row["key"] in near:
                found.matters[row["key"]].append(row["case_id"])
            else:
                found.identities[row["key"]] = row["case_id"]
    return found


async def save(
    session: Session, cases: Sequence[Case], admitted: Mapping[bytes, UUID], blind: Blind
) -> None:
    """Write what lies beside cases that changed, sorted so that writers do not deadlock."""
    if not cases:
        return
    ordered = sorted(cases, key=lambda case: case.id)
    identities = _columns(sorted(admitted.items())) if admitted else [[], []]
    keys = sorted((key, case.opened_at, case.id) for case in ordered for key in blind.keys(case))
    lines = _columns([_line(case) for case in ordered])
    await session.execute(QUERIES["save"], *identities, *_columns(keys), *lines)


def _line(case: Case) -> tuple[Any, ...]:
    return (
        case.id,
        case.status,
        case.episode,
        case.category,
        case.severity,
        case.lane,
        case.opened_at,
        case.started_at,
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


@dataclass(frozen=True, slots=True)
class Search:
    """What cases are looked for. `before` is the cursor: (opened_at, id) of the last one seen."""

    keys: tuple[bytes, ...]
    status: str | None
    category: str | None
    before: tuple[datetime, UUID]
    since: datetime | None
    limit: int


async def search(session: Session, wanted: Search) -> list[Any]:
    """Lines of cases, newest first: rows with case_id, status, category, opened_at..."""
    at, case_id = wanted.before
    rest = (wanted.category, wanted.since, wanted.limit)
    if wanted.keys:
        lead, *others = wanted.keys
        more = (others, wanted.status, *rest)
        return await session.fetch(QUERIES["search_by_key"], lead, at, case_id, *more)
    if wanted.status:
        return await session.fetch(QUERIES["search_by_status"], wanted.status, at, case_id, *rest)
    return await session.fetch(QUERIES["search"], at, case_id, *rest)


class PolicyBook:
    """The policies at hand: those offered today, and those that running cases are pinned to."""

    def __init__(self, offered: Sequence[LoadedPack]) -> None:
        self.offered = tuple(_policy(one.digest, one.pack) for one in offered)
        self._documents = {one.digest: one.canonical_json for one in offered}
        self._known = {policy.pin.digest: policy for policy in self.offered}

    async def keep_current(self, session: Session) -> None:
        """Store today's policies whole, before the first case is opened under one of them."""
        for pin in (policy.pin for policy in self.offered):
            document = self._documents[pin.digest]
            await session.execute(
                QUERIES["keep_policy"], pin.digest, pin.name, pin.version, document
            )

    async def covering(self, session: Session, cases: Iterable[Case]) -> Policies:
        """The policies of these cases and of new ones; fetches what another replica has stored."""
        if {case.policy.digest for case in cases} - self._known.keys():
            for row in await session.fetch(QUERIES["policies"], list(self._known)):
                pack = Pack.model_validate_json(row["document"])
                self._known[row["digest"]] = _policy(row["digest"], pack)
        return Policies(self.offered, self._known)


def _policy(digest: str, pack: Pack) -> Policy:
    return Policy(PackPin(name=pack.name, version=pack.version, digest=digest), pack)
