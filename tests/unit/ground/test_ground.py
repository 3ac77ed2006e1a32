"""What is wanted of a broker and a database, decided without either."""

from __future__ import annotations

import pytest

from schemas.topics import topic_names
from services.ground.reconcile import TopicReport
from services.ground.settings import DatabaseSettings, roles_of
from services.ground.topics import TopicPlan, differences

DSN = "postgresql://{role}:{password}@db:5432/{database}"


def settings(**changes: str) -> DatabaseSettings:
    dsns = {
        f"{role}_dsn": DSN.format(role=role, password=f"of-{role}", database="recourse")
        for role in ("intake", "escalation", "notifier", "keys")
    }
    admin = "postgresql://postgres@db"
    return DatabaseSettings.model_validate({"admin_dsn": admin, **dsns, **changes})


def test_topics_are_planned_with_retention_from_the_table_and_a_copy_to_spare() -> None:
    wanted = TopicPlan("x.", 12, 3).wanted()
    assert set(wanted) == set(topic_names("x."))
    cases = wanted["x.cases"]
    assert (cases.partitions, cases.replication) == (12, 3)
    assert cases.settings == {"retention.ms": "2592000000", "min.insync.replicas": "2"}
    assert wanted["x.reports"].settings["retention.ms"] == "604800000"
    assert cases.text() == "partitions 12, replication 3, kept 30 days"


@pytest.mark.parametrize("replication", [1, 2])
def test_with_fewer_copies_none_is_to_spare(replication: int) -> None:
    shapes = TopicPlan("x.", 1, replication).wanted().values()
    assert all("min.insync.replicas" not in shape.settings for shape in shapes)


def test_a_report_says_what_is_missing_what_differs_and_how() -> None:
    wanted = TopicPlan("x.", 12, 1).wanted()
    found = TopicPlan("x.", 4, 1).wanted() | {"x.cases": wanted["x.cases"]}
    del found["x.reports"]
    report = TopicReport(wanted, found, frozenset({"x.cases"}))
    lines = dict(line.split(maxsplit=1)[::-1] for line in report.lines())
    assert not report.well
    assert lines["x.reports"] == "missing"
    assert lines["x.cases: partitions 12, replication 1, kept 30 days"] == "created"
    assert lines["x.deliveries: partitions is 4, wanted 12"] == "differs"
    assert TopicReport(wanted, wanted, frozenset()).well


def test_settings_of_the_broker_that_we_do_not_mind_are_no_difference() -> None:
    wanted = TopicPlan("x.", 12, 1).wanted()["x.cases"]
    found = TopicPlan("x.", 12, 1).wanted()["x.cases"]
    more = {**found.settings, "compression.type": "producer"}
    assert differences(wanted, type(found)(12, 1, more)) == []
    assert differences(wanted, type(found)(12, 1, {})) == [
        "retention.ms is unset, wanted 2592000000"
    ]


def test_the_dsns_say_who_the_roles_are() -> None:
    odd = DSN.format(role="keys", password="a%2Fb%27c", database="recourse")
    roles = roles_of(settings(keys_dsn=odd))
    assert roles.database == "recourse"
    assert roles.passwords["intake"] == "of-intake"
    assert roles.passwords["keys"] == "a/b'c"


@pytest.mark.parametrize(
    ("dsn", "complaint"),
    [
        ("postgresql://postgres:secret@db/recourse", "must be of role intake"),
        ("postgresql://intake@db/recourse", "has no password"),
        ("postgresql://intake:secret@db/another", "one database, the same for all"),
    ],
)
def test_dsns_that_do_not_fit_are_refused_without_being_quoted(dsn: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        roles_of(settings(intake_dsn=dsn))
    assert "secret" not in str(refused.value)
