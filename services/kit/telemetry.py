"""The catalogue of metrics, and the one place where logging is set up.

Owns names and labels. No label and no log field ever carries personal data: ids are opaque.

| metric | meaning |
| --- | --- |
| recourse_consumed_total{outcome} | records by what became of them |
| recourse_dead_letters_written_total{reason} | dead letters written |
| recourse_forks_total | streams that do not fit what was applied before |
| recourse_erased_subjects_total | data subjects of whom this service has let go |
| recourse_erased_arrivals_total | messages about an erased subject that came later, and were let go |
| recourse_erased_again_total | keys that a restored backup had brought back, destroyed again |
| recourse_retries_total{reason} | transactions tried again |
| recourse_group_requests | histogram: POSTs that were taken together, in one transaction where none is held up |
| recourse_group_wait_seconds | histogram: seconds from a POST's arrival to the start of its group |
| recourse_published_total{topic} | events acknowledged by the broker |
| recourse_republished_total | events queued again after the broker forgot them |
| recourse_rewound_total | records read again because the database was set back |
| recourse_timers_fired_total | wake-ups decided |
| recourse_timer_lag_seconds | real seconds from the later of due and known to fired |
| recourse_timer_overdue_seconds | real seconds since the oldest wake-up was due that has not fired |
| recourse_heartbeat_behind_seconds | how far back our own streams are vouched for; 0 where another relays |
| recourse_parked_cases, recourse_dead_letters, recourse_unpublished_events, recourse_stopped_events, recourse_held_cases | what stands now |
| recourse_stream_age_seconds{topic,partition} | age of the last heartbeat of each input |
| recourse_retention_pruned_total{kept}, recourse_retention_due{kept} | what went by its age, by class of data, and what is still to go (counted to 10,000) |
| recourse_up{part} | 1 while a part of the service works |
"""  # noqa: E501

from __future__ import annotations

import logging
import sys

import structlog
from prometheus_client import Counter, Gauge, Histogram
from structlog.typing import EventDict, Processor

from services.kit.folding import Folding

CONSUMED = Counter("recourse_consumed", "Records by what became of them", ["outcome"])
DEAD_LETTERS = Counter("recourse_dead_letters_written", "Dead letters written", ["reason"])
FORKS = Counter("recourse_forks", "Streams that do not fit what was applied before")
ERASED = Counter("recourse_erased_subjects", "Data subjects of whom this service has let go")
ERASED_ARRIVALS = Counter("recourse_erased_arrivals", "Messages about an erased subject, let go")
ERASED_AGAIN = Counter("recourse_erased_again", "Keys from a restored backup, destroyed again")
RETRIES = Counter("recourse_retries", "Transactions tried again", ["reason"])
GROUP_REQUESTS = Histogram(
    "recourse_group_requests",
    "Requests that were taken together, to share a transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
GROUP_WAIT = Histogram(
    "recourse_group_wait_seconds",
    "Seconds that a request waited until its group was begun",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
PUBLISHED = Counter("recourse_published", "Events acknowledged by the broker", ["topic"])
REPUBLISHED = Counter("recourse_republished", "Events queued again after the broker forgot them")
REWOUND = Counter("recourse_rewound", "Records read again because the database was set back")
FIRED = Counter("recourse_timers_fired", "Wake-ups decided")
TIMER_LAG = Histogram(
    "recourse_timer_lag_seconds",
    "Real seconds from the later of due and known to fired",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
)
OVERDUE = Gauge(
    "recourse_timer_overdue_seconds", "Real seconds since the oldest wake-up was due that waits"
)
HEARTBEAT_BEHIND = Gauge(
    "recourse_heartbeat_behind_seconds", "How far back the last heartbeat vouches for our streams"
)
PARKED = Gauge("recourse_parked_cases", "Cases with parked records")
STANDING_DEAD_LETTERS = Gauge("recourse_dead_letters", "Dead letters nobody has settled")
UNPUBLISHED = Gauge("recourse_unpublished_events", "Events not yet acknowledged by the broker")
STOPPED = Gauge("recourse_stopped_events", "Events whose sending is stopped")
HELD = Gauge("recourse_held_cases", "Cases held because their stream is silent")
STREAM_AGE = Gauge(
    "recourse_stream_age_seconds", "Age of the last heartbeat", ["topic", "partition"]
)
UP = Gauge("recourse_up", "1 while a part of the service works", ["part"])


def consumed() -> dict[str, int]:
    """How many records had which outcome since the start."""
    return {
        sample.labels["outcome"]: int(sample.value)
        for metric in CONSUMED.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def set_up_logging(service: str, level: str) -> None:
    """JSON lines on stdout; libraries' own loggers go the same way, their chatter at WARNING."""
    labels: list[Processor] = [
        _named(service),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    ending: list[Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=labels + ending,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(Folding())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                *labels,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(("folded",)),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for chatty in ("aiokafka", "faststream", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def _named(service: str) -> Processor:
    """Adds the service's name to each line, whichever thread or library writes it."""

    def name(_: object, __: str, event: EventDict) -> EventDict:
        return {**event, "service": service}

    return name
