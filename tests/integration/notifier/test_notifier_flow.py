"""From events to mails: the consumer, the ledger and the courier on a real database."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas import case, conversation, escalation
from schemas.vocabulary import DeliveryChannel, HolderReason
from services.kit.timers import Timers
from services.notifier.channels.email import EmailChannel, SmtpSettings
from services.notifier.courier import Courier, Pace
from services.notifier.store import QUERIES
from tests.support.kit import until
from tests.support.notifier_stories import (
    CASE,
    EN,
    ZH,
    at,
    case_opened,
    entered,
    every_event,
    held_by,
    ladder_moved,
    on_rung,
    said,
    started,
)
from tests.support.notifier_world import World, world
from tests.support.smtp_sink import Sink, serving

PACE = Pace(slots=4, timeout_s=5, lease=timedelta(seconds=30))


@pytest.fixture
async def here(dsns: dict[str, str]) -> AsyncIterator[World]:
    async with world(dsns) as made:
        yield made


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    with serving(sink):
        yield sink


def courier(here: World, sink: Sink, owner: str = "me", pace: Pace = PACE) -> Courier:
    owner = f"host-{owner}:1:0"
    smtp = SmtpSettings("127.0.0.1", sink.port, "care@wallet.example", connections=1)
    channels = {DeliveryChannel.EMAIL: EmailChannel(smtp)}
    return Courier(here.notifier, channels, pace, owner, lambda: 0.0)


def opened_by(here: World, customer: Any = ZH) -> case.CaseOpened:
    return case_opened(customer, data_subject=here.subject_of(customer.id))


async def carried(man: Courier, count: int) -> None:
    """Let the courier work until it has settled so many attempts."""

    async def done() -> bool:
        await man.step()
        return man.settled >= count

    await until(done)


async def statuses(here: World) -> dict[tuple[str, str], str]:
    return {
        (str(row["channel"]), str(row["template"])): str(row["status"])
        for row in await here.deliveries()
    }


async def test_a_case_that_changes_hands_goes_to_the_agent_whole_and_to_the_customer_once(
    here: World, sink: Sink
) -> None:
    receipt = said(conversation.CustomerRepliedTo, channel="phone", text="正在向对方银行查询。")
    given = held_by(
        "A1025", HolderReason.HANDED_OVER, previous_staff_number="A1024", brief="请勿重复询问。"
    )
    await here.hear(CASE, opened_by(here), started(), held_by("A1024", HolderReason.CLAIMED))
    await here.hear(CASE, receipt, ladder_moved(240), given)
    man = courier(here, sink)
    await carried(man, 5)
    await man.close()
    rows = [(row["recipient"], row["channel"], row["template"]) for row in await here.deliveries()]
    assert rows[-5:] == [
        (str(here.subject_of(ZH.id)), "email", "holder_changed"),
        (str(here.subject_of(ZH.id)), "in_app", "holder_changed"),
        ("agent:A1025", "email", "holder_brief"),
        ("agent:A1025", "in_app", "holder_brief"),
        ("agent:A1024", "in_app", "holder_relieved"),
    ]
    (number,) = [n for n, mail in enumerate(sink.mails) if mail["To"] == "frontline@wallet.example"]
    assert "赵敏，工号 A1025" in sink.mails[number]["Subject"]
    brief = sink.text(number)
    for part in (
        "请勿重复询问。",  # the giver's words
        "转账显示成功，对方没有收到。",  # the customer's own
        "我方，电话，李四 工号 A1024：正在向对方银行查询。",
        "restarted the app",
        "evidence.payment_receipt",
        "经办人员：李四，工号 A1024",
    ):
        assert part in brief
    assert [mail["To"] for mail in sink.mails].count("customer@example.com") == 4


async def test_of_a_case_that_its_holder_lost_only_the_operators_people_hear(
    here: World, sink: Sink
) -> None:
    lost = held_by(None, HolderReason.SILENT, previous_staff_number="A1024")
    released = held_by(None, HolderReason.RELEASED, previous_staff_number="A1024")
    claimed = held_by("A1024", HolderReason.CLAIMED)
    await here.hear(CASE, opened_by(here), started(), claimed, released, claimed, lost)
    rows = [(row["recipient"], row["channel"], row["template"]) for row in await here.deliveries()]
    assert rows[4:] == [
        ("group:frontline", "email", "group_freed"),
        ("agent:A1024", "in_app", "holder_relieved"),
    ]
    man = courier(here, sink)
    await carried(man, 3)
    await man.close()
    assert "frontline@wallet.example" in {mail["To"] for mail in sink.mails}


async def test_a_case_is_told_by_mail_and_in_the_app(here: World, sink: Sink) -> None:
    await here.hear(CASE, opened_by(here), started(next_update_at=at(10**7)))
    man = courier(here, sink)
    await carried(man, 1)
    await man.close()
    assert await statuses(here) == {
        ("email", "case_received"): "sent",
        ("in_app", "case_received"): "sent",
    }
    (mail,) = sink.mails
    assert mail["To"] == "customer@example.com"
    assert str(CASE) in mail["Subject"]
    assert str(CASE) in sink.text()
    assert await here.said() == [
        "delivery.planned",
        "delivery.planned",
        "delivery.sent",
        "delivery.sent",
    ]


async def test_the_same_events_again_plan_nothing_twice(here: World, sink: Sink) -> None:
    await here.hear(CASE, opened_by(here), started())
    before = await here.deliveries()
    await here.consumer.handle(here.records)
    assert await here.deliveries() == before
    assert len(before) == 2


async def test_a_crash_between_send_and_settle_sends_the_same_mail_again(
    here: World, sink: Sink
) -> None:
    await here.hear(CASE, opened_by(here), started())
    brief = replace(PACE, lease=timedelta(milliseconds=300))
    crashed = courier(here, sink, "crashed", brief)
    await crashed.step()  # claims and sends, and never comes back to settle

    async def arrived() -> bool:
        return bool(sink.mails)

    await until(arrived)
    heir = courier(here, sink, "heir")
    await carried(heir, 1)
    first, second = sink.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert sink.text(0) == sink.text(1)
    (row,) = [row for row in await here.deliveries() if row["channel"] == "email"]
    assert (row["status"], row["attempts"]) == ("sent", 2)
    await crashed.close()  # its late settling must change nothing and say nothing
    await heir.close()
    assert (await here.said()).count("delivery.sent") == 2  # the mail, and the inbox's own


async def test_of_one_case_a_recipient_hears_in_order(here: World, sink: Sink) -> None:
    """One at a time, whoever carries it; what waits for its retry holds nothing up."""
    await here.hear(CASE, opened_by(here), started(), entered("senior"))

    async def claimed() -> list[str]:
        now = (await here.notifier.now()).real
        until_then = now + timedelta(minutes=5)
        rows = await here.notifier.db.fetch(QUERIES["claim"], now, 9, "somebody", until_then)
        ids = {str(row["id"]) for row in rows}
        return [str(row["template"]) for row in planned if str(row["id"]) in ids]

    mails = [row for row in await here.deliveries() if row["channel"] == "email"]
    planned = [row for row in mails if row["recipient"] == mails[0]["recipient"]]
    assert len(planned) < len(mails), "a group is told beside the customer"
    first, second, *_ = [str(row["template"]) for row in planned]
    assert await claimed() == [first]
    assert await claimed() == [], "the first is under way"
    later = """UPDATE delivery SET status = 'planned', lease_owner = NULL, lease_until = NULL,
        next_attempt_at = now() + interval '1 hour' WHERE status = 'sending'"""
    await here.notifier.db.execute(later)
    assert await claimed() == [second], "the first waits for its retry"


async def test_couriers_share_the_work_and_nothing_is_sent_twice(here: World, sink: Sink) -> None:
    count = 12
    for _ in range(count):
        case_id = uuid.uuid4()
        await here.hear(case_id, opened_by(here), started())
    men = [courier(here, sink, name) for name in ("one", "two", "three")]

    async def done() -> bool:
        for man in men:
            await man.step()
        return sum(man.settled for man in men) >= count

    await until(done)
    for man in men:
        await man.close()
    assert len({mail["Message-ID"] for mail in sink.mails}) == len(sink.mails) == count


async def test_a_busy_server_is_tried_again_later_and_a_refusal_is_the_end(
    here: World, sink: Sink
) -> None:
    sink.rcpt = "450 later"
    await here.hear(CASE, opened_by(here), started())
    man = courier(here, sink)
    await carried(man, 1)
    (row,) = [row for row in await here.deliveries() if row["channel"] == "email"]
    assert (row["status"], row["attempts"], row["reason"]) == ("planned", 1, "busy")
    now = (await here.notifier.now()).real
    assert row["next_attempt_at"] > now  # type: ignore[operator] # a row's values are objects
    assert await man.busy(now) == ([], {"settled": 1})  # waiting for a retry is quiet
    sink.rcpt = "550 unknown"
    await here.notifier.db.execute("UPDATE delivery SET next_attempt_at = clock_timestamp()"
                                   " WHERE status = 'planned'")  # fmt: skip
    await carried(man, 2)
    await man.close()
    (row,) = [row for row in await here.deliveries() if row["channel"] == "email"]
    assert (row["status"], row["attempts"]) == ("failed", 2)
    assert row["reason"] == "refused_by_recipient"
    assert (await here.said())[-1] == "delivery.failed"


async def test_a_group_without_consent_gets_nothing_and_the_ledger_says_why(here: World) -> None:
    without = next(e for e in every_event() if getattr(e[-1], "rung", "") == "social")
    events = [
        opened_by(here),
        *(e for e in without[1:] if not isinstance(e, conversation.ConsentGiven)),
    ]
    await here.hear(CASE, *events)
    rows = {str(row["template"]): row for row in await here.deliveries()}
    assert rows["group_handover"]["status"] == "suppressed"
    assert rows["group_handover"]["reason"] == "consent_missing"
    assert rows["group_handover"]["body"] is None


async def test_every_step_is_told_and_nothing_personal_rests_in_clear(
    here: World, sink: Sink, dsns: dict[str, str]
) -> None:
    for events in every_event():
        await here.hear(uuid.uuid4(), opened_by(here), *events[1:])
    man = courier(here, sink)

    async def done() -> bool:
        await man.step()
        return not (await man.busy(at(0)))[0]

    await until(done)
    await man.close()
    assert not [row for row in await here.deliveries() if row["status"] == "failed"]
    dump = await _everything(here)
    for secret in (
        "张三", "李四", "赵敏", "王五", "周婷", "customer@example.com", "13800000000",
        "cust-1001", "tx-5567", "merchant-88", "转账", "回执", "restarted the app",
        "written_care@", "mailbox",
    ):  # fmt: skip
        for table, text in dump.items():
            if table != "policy":
                assert secret not in text, f"{secret} is in {table}"
    assert len(sink.mails) > len(every_event())


async def _everything(here: World) -> dict[str, str]:
    """Every row of every table of the notifier, as text; bytes as what they would read as."""
    tables = await here.notifier.db.fetch(
        "SELECT table_name AS name FROM information_schema.tables"
        " WHERE table_schema = 'notifier' AND table_type = 'BASE TABLE'"
    )
    found: dict[str, str] = {}
    for table in tables:
        rows = await here.notifier.db.fetch(f'SELECT * FROM "{table["name"]}"')
        values = [value for row in rows for value in row.values()]
        found[table["name"]] = "\n".join(
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for value in values
        )
    assert found["delivery"]
    return found


async def test_a_reply_waits_for_the_ladder_and_not_for_ever(here: World) -> None:
    reply = said(conversation.CustomerRepliedTo, channel="phone", text="正在查询")
    await here.hear(CASE, opened_by(here), started(next_update_at=at(10**7)), reply)
    assert "customer_replied_to" not in {row["template"] for row in await here.deliveries()}
    timers = Timers(here.notifier, here.logic, stale_after_s=5)
    await timers.step()
    assert len(await here.deliveries()) == 2
    await here.notifier.db.execute(
        "INSERT INTO simulated_clock VALUES (true, now() + interval '31 seconds', 0, '0', now())"
    )
    await timers.step()
    await timers.step()
    replies = [row for row in await here.deliveries() if row["template"] == "customer_replied_to"]
    assert [row["status"] for row in replies] == ["planned", "sent"]


async def test_old_news_is_kept_and_not_sent(here: World) -> None:
    records = [await here.emitted(CASE, event) for event in (opened_by(here), started())]
    await here.notifier.db.execute(
        "INSERT INTO simulated_clock VALUES (true, now() + interval '25 hours', 0, '0', now())"
    )
    await here.consumer.handle(records)
    assert {(row["status"], row["reason"]) for row in await here.deliveries()} == {
        ("suppressed", "stale_on_arrival")
    }


async def test_an_erased_customer_is_told_nothing_and_stops_nothing(
    here: World, sink: Sink
) -> None:
    await here.hear(CASE, opened_by(here), started())
    await here.notifier.sealer.erase(here.subject_of(ZH.id))
    man = courier(here, sink)
    await carried(man, 1)
    (row,) = [row for row in await here.deliveries() if row["channel"] == "email"]
    assert (row["status"], row["reason"]) == ("failed", "subject_erased")
    assert sink.mails == []
    other = uuid.uuid4()
    english = EN.model_copy(update={"id": "cust-2"})
    await here.hear(CASE, on_rung(escalation.HolderChanged, staff_number="A1", name="李四"))
    await here.hear(other, opened_by(here, english), started())
    await carried(man, 2)
    await man.close()
    assert sink.mails[-1]["Subject"].strip().startswith("We have received")
    assert await here.notifier.db.fetch("SELECT * FROM dead_letter") == []


async def test_a_policy_that_is_not_here_parks_the_case(here: World) -> None:
    foreign = case.PackPin(name="other", version="9", digest="sha256:other")
    opened = opened_by(here).model_copy(update={"policy": foreign})
    await here.hear(CASE, opened, started())
    parked = await here.notifier.db.fetch("SELECT topic, reason FROM parked ORDER BY topic")
    assert dict(parked[0])["reason"] == "policy_missing"
    assert await here.deliveries() == []


async def test_the_database_refuses_states_that_cannot_be(here: World) -> None:
    await here.hear(CASE, opened_by(here), started())
    for wrong in (
        "status = 'sending'",
        "status = 'sent'",
        "next_attempt_at = NULL",
        "status = 'failed', next_attempt_at = NULL, reason = NULL",
        "body = NULL",
        "status = 'lost'",
    ):
        with pytest.raises(Exception, match="violates check constraint"):
            await here.notifier.db.execute(f"UPDATE delivery SET {wrong} WHERE channel = 'email'")


@pytest.mark.parametrize("name", sorted(QUERIES))
async def test_every_statement_fits_the_schema(here: World, name: str) -> None:
    async with here.notifier.db.transaction() as connection:
        await connection.prepare(QUERIES[name])


async def test_a_body_that_does_not_open_stops_nobody_else(here: World, sink: Sink) -> None:
    await here.hear(CASE, opened_by(here), started())
    await here.notifier.db.execute(
        "UPDATE delivery SET body = body || 'x'::bytea WHERE channel = 'email'"
    )
    await here.hear(uuid.uuid4(), opened_by(here), started())
    man = courier(here, sink)
    await carried(man, 2)
    await man.close()
    mails = [row for row in await here.deliveries() if row["channel"] == "email"]
    assert [(row["status"], row["reason"]) for row in mails] == [
        ("planned", "internal_fault"), ("sent", "owed"),
    ]  # fmt: skip
    assert len(sink.mails) == 1


async def test_a_retry_is_due_when_it_is_due(here: World, sink: Sink) -> None:
    """A claim must not take what waits for its retry."""
    sink.data = "451 later"
    await here.hear(CASE, opened_by(here), started(), entered("senior"))
    man = courier(here, sink)
    await carried(man, 3)
    attempts = len(sink.mails)
    for _ in range(5):
        await man.step()
    await man.close()
    assert len(sink.mails) == attempts == 3


async def test_a_reply_is_told_to_the_customer_the_case_was_opened_for(
    here: World, sink: Sink
) -> None:
    ids = [uuid.uuid4() for _ in range(3)]
    for number, case_id in enumerate(ids):
        customer = ZH.model_copy(update={"id": f"c{number}", "email": f"c{number}@example.com"})
        await here.hear(
            case_id, opened_by(here, customer), started(),
            said(conversation.CustomerRepliedTo, channel="phone", text=f"答复{number}"),
            ladder_moved(240),
        )  # fmt: skip
    man = courier(here, sink)
    await carried(man, 6)
    await man.close()
    for mail in sink.mails:
        mine = str(mail["To"])[1]
        body = mail.get_body(("plain",))
        assert body is not None
        text = str(body.get_content())
        assert str(ids[int(mine)]) in text
        others = {"0", "1", "2"} - {mine}
        assert not any(f"答复{other}" in text for other in others)
