"""One replica of a service: its real consumer, relay, timers and other loops, without processes.

Owns how the parts are put together, as each service's `app` does it, and what is lost when the
replica dies: everything in here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from schemas.topics import ACTIONS_ANSWERED, REPORTS, STREAM_CONTROL, TOPICS
from schemas.vocabulary import DeliveryChannel
from schemas.wire import Wire
from services.escalation.answers import AnswersConsumer
from services.escalation.app import STREAMS as ESCALATION
from services.escalation.handlers import LadderLogic
from services.escalation.ladders import Ladders
from services.escalation.relief import Relief
from services.escalation.seeking import Seeking
from services.escalation.staff import EXAMPLE_ROSTER, Staff, load_roster
from services.escalation.store import PolicyBook
from services.intake import store as intake_store
from services.intake.app import STREAMS as INTAKE
from services.intake.handlers import Handlers, ReportsConsumer
from services.intake.working import Desk
from services.kit import ids
from services.kit.consumer import Consumer
from services.kit.entities import Logic
from services.kit.foreign import ForeignLogic
from services.kit.patience import Patience
from services.kit.relay import Relay
from services.kit.rows import Streams
from services.kit.sealing import Sealer
from services.kit.sorting import Reader
from services.kit.timers import Timers
from services.kit.unit import Entities
from services.kit.upkeep import Upkeep
from services.kit.wire import Emittable
from services.notifier.app import STREAMS as NOTIFIER
from services.notifier.channels.outgoing import Outgoing
from services.notifier.core.retry import Fault, FaultKind
from services.notifier.core.vocabulary import Template
from services.notifier.courier import Courier, Leased, Pace
from services.notifier.freeze import Freezer
from services.notifier.handlers import NotifierLogic
from services.notifier.render import Message, Renderer
from services.notifier.store import QUERIES
from services.packs import DEFAULT_PACK, LoadedPack, load_pack
from tests.simulation.broker import PARTITIONS, Broker, Outlet, Place
from tests.simulation.database import SimulatedDatabase
from tests.simulation.faults import Crash, Misfortune
from tests.simulation.store.contract import Instant
from tests.support.kit import MASTER

STREAMS: Final[Mapping[str, Streams]] = {
    "intake": INTAKE,
    "escalation": ESCALATION,
    "notifier": NOTIFIER,
}
_FOREIGN: Final = {"intake": (REPORTS,), "escalation": (ACTIONS_ANSWERED,), "notifier": ()}
Step = Callable[[], Awaitable[float]]


@dataclass
class Surroundings:
    """What outlives every replica."""

    time: Instant
    broker: Broker
    misfortune: Misfortune
    databases: Mapping[str, SimulatedDatabase]
    randomness: random.Random
    mailbox: list[Outgoing] = field(default_factory=list)


@dataclass
class Loop:
    """One background loop: what it does, and when (of the undisturbed clock) it looks again."""

    name: str
    step: Step
    due_s: float = 0.0
    stopped_until_s: float = 0.0
    failures: int = 0

    @property
    def looks_s(self) -> float:
        """When it looks again."""
        return max(self.due_s, self.stopped_until_s)


class MortalCourier(Courier):
    """Tells how it died: its deliveries are under way in tasks of their own."""

    died: BaseException | None = None

    async def _carry(self, leased: Leased) -> None:
        try:
            await super()._carry(leased)
        except Crash as crash:
            self.died = crash
        except Exception as error:
            self.died = AssertionError(f"nobody hears what ends a delivery's task: {error!r}")


@dataclass
class Replica:
    """One process of one service."""

    service: str
    name: str
    entities: Entities
    consumer: Consumer
    topics: tuple[str, ...]
    loops: list[Loop]
    parts: Any
    courier: MortalCourier | None = None
    positions: dict[Place, int] = field(default_factory=dict)


class Post:
    """Every channel: takes what it is given, unless a fault says otherwise."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def send(self, outgoing: Outgoing, real_now: datetime) -> Fault | None:
        fault = self._around.misfortune.at("mail")
        if fault is None or fault.kind != "fault":
            self._around.mailbox.append(outgoing)
        if fault is not None and fault.kind == "crash":
            raise Crash(str(fault))
        return Fault(FaultKind.CONNECTION) if fault else None

    async def close(self) -> None:
        """Nothing is open."""


class RememberingRenderer(Renderer):
    """Renders each text once: histories of one script say the same things again and again."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, Message] = {}

    def message(self, template: Template, language: str, context: Mapping[str, Any]) -> Message:
        asked = f"{template} {language} {context}"
        if asked not in self._said:
            self._said[asked] = super().message(template, language, context)
        return self._said[asked]


@lru_cache(maxsize=1)
def renderer() -> Renderer:
    """One for all replicas."""
    return RememberingRenderer()


@lru_cache(maxsize=1)
def pack() -> LoadedPack:
    """The shipped policy."""
    return load_pack(DEFAULT_PACK)


async def _no_pause(_: float) -> None:
    await asyncio.sleep(0)


async def start(around: Surroundings, service: str, name: str) -> Replica:
    """A replica as it is after its start."""
    streams = STREAMS[service]
    randomness = around.randomness
    sealer = Sealer(around.databases["keys"], MASTER, service, randomness.randbytes)
    entities = Entities(around.databases[service], streams, Wire(read_id=ids.read), sealer)
    logic, foreign, parts = await _PARTS[service](entities)
    reader = Reader("", streams.inputs, _FOREIGN[service], STREAM_CONTROL, Wire(read_id=ids.read))
    consumer = Consumer(service, entities, reader, logic, foreign, pause=_no_pause)
    topics = (*streams.inputs, *_FOREIGN[service], STREAM_CONTROL)
    replica = Replica(service, name, entities, consumer, topics, [], parts)
    _add_loops(replica, around, logic, foreign, reader)
    return replica


def _add_loops(
    replica: Replica,
    around: Surroundings,
    logic: Logic | None,
    foreign: ForeignLogic | None,
    reader: Reader,
) -> None:
    entities, service = replica.entities, replica.service
    outlet = Outlet(around.broker, around.misfortune)
    readers = {row.name: row.readers for row in TOPICS if row.writer == service}
    owner = f"{replica.name}:{around.randomness.getrandbits(32)}"
    relay = Relay(entities, outlet, owner, readers, around.time.seconds)
    tell = _teller(entities, around.broker)
    upkeep = Upkeep(entities, tell, gap_age_s=60, consumer=service, partitions=PARTITIONS)
    loops = [Loop("relay", relay.step), Loop("upkeep", upkeep.step)]
    if logic is not None:
        loops.append(Loop("timers", Timers(entities, logic, stale_after_s=5).step))
    if foreign is not None:
        seconds = around.time.seconds
        patience = Patience(entities, reader, foreign, unknown_wait_s=60, seconds=seconds)
        loops.append(Loop("patience", patience.step))
    if isinstance(logic, LadderLogic):
        loops.append(Loop("relief", Relief(entities, logic).step))
        loops.append(Loop("seeking", Seeking(entities, logic).step))
    if isinstance(logic, NotifierLogic):
        replica.courier = _courier(replica, around)
        loops.append(Loop("courier", replica.courier.step))
    replica.loops = loops


def _courier(replica: Replica, around: Surroundings) -> MortalCourier:
    post = Post(around)
    channels = dict.fromkeys(DeliveryChannel, post)
    owner = f"{replica.name}:1:{around.randomness.getrandbits(32):08x}"
    pace = Pace(slots=8, timeout_s=15, lease=timedelta(seconds=20))
    return MortalCourier(replica.entities, channels, pace, owner, around.randomness.random)


def _teller(entities: Entities, broker: Broker) -> Callable[[Emittable, UUID], Awaitable[None]]:
    codec, source = entities.codec, entities.streams.source

    async def tell(message: Emittable, id: UUID) -> None:
        now = await entities.now()
        value, _ = message.halves()
        event = codec.make(id, source, message.type_name(), None, 0, "", now.domain, b"", value)
        broker.take((STREAM_CONTROL, None, codec.headers(event), value))

    return tell


async def _intake(entities: Entities) -> tuple[Logic | None, ForeignLogic | None, Any]:
    book = intake_store.PolicyBook([pack()])
    await book.keep_current(entities.db)
    desk = Desk(intake_store.Blind(entities.sealer), book)
    return None, ReportsConsumer(desk), Handlers(desk)


async def _escalation(entities: Entities) -> tuple[Logic | None, ForeignLogic | None, Any]:
    book = policy_book()
    await book.open(entities.db)
    staff = Staff(entities.sealer)
    async with entities.db.transaction() as connection:
        await staff.load(connection, read_roster_once(), given=False)
    await staff.refresh(entities.db)
    logic = LadderLogic(book, staff)
    stale_after = timedelta(seconds=5)
    return logic, AnswersConsumer(logic, stale_after), Ladders(entities, logic, stale_after)


@lru_cache(maxsize=1)
def policy_book() -> PolicyBook:
    """Compiled once: no history changes the policy."""
    return PolicyBook([pack()])


@lru_cache(maxsize=1)
def read_roster_once() -> Any:
    """The example roster."""
    return load_roster(EXAMPLE_ROSTER).roster


async def _notifier(entities: Entities) -> tuple[Logic | None, ForeignLogic | None, Any]:
    loaded = pack()
    terms = (loaded.digest, loaded.pack.name, loaded.pack.version, loaded.canonical_json)
    await entities.db.execute(QUERIES["keep_policy"], *terms)
    freezer = Freezer(renderer(), entities.sealer)
    return NotifierLogic({loaded.digest: loaded.pack}, freezer, timedelta(hours=24)), None, None


_PARTS: Final = {"intake": _intake, "escalation": _escalation, "notifier": _notifier}
