"""The pure parts of the local stack: back-off, mail, Java's release."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from services.local.backoff import LONGEST_DELAY_S, deaths_in_a_row, restart_delay_s
from services.local.kafka_apache import java_release
from services.local.mail import Mail, parse_mail, selected


def test_the_first_restart_comes_within_a_second_and_later_ones_slower() -> None:
    delays = [restart_delay_s(deaths) for deaths in range(1, 12)]
    assert delays[0] < 1
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY_S == restart_delay_s(10_000)


def test_deaths_in_a_row_are_forgotten_after_a_steady_life() -> None:
    assert deaths_in_a_row(0, lived_s=0.1) == 1
    assert deaths_in_a_row(4, lived_s=0.1) == 5
    assert deaths_in_a_row(4, lived_s=60.0) == 1


def sample(number: int, to: str, at: str) -> Mail:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@example.com", to, "案件升级"
    message["Message-ID"] = f"<{number}@example.com>"
    message.set_content("您好")
    message.add_alternative("<p>您好</p>", subtype="html")
    return parse_mail(number, "desk@example.com", (to,), message.as_bytes(), at)


def test_a_mail_is_parsed_into_subject_headers_text_and_html() -> None:
    mail = sample(7, "a@example.com", "2026-11-20T09:58:00+08:00").as_json()
    assert (mail["id"], mail["from"], mail["to"]) == ("7", "desk@example.com", ("a@example.com",))
    assert mail["subject"] == "案件升级"
    assert mail["headers"]["Message-ID"] == "<7@example.com>"
    assert (mail["text"].strip(), mail["html"].strip()) == ("您好", "<p>您好</p>")
    assert mail["at"] == "2026-11-20T09:58:00+08:00"


def test_a_mail_in_an_unknown_charset_is_still_taken() -> None:
    content = b"Content-Type: text/plain; charset=x-unheard-of\r\n\r\nhello"
    assert parse_mail(1, "a@b.c", (), content, "").text == "hello"


MAILS = [
    sample(1, "a@example.com", "2026-11-20T09:58:00+08:00"),
    sample(2, "b@example.com", "2026-11-20T10:03:00+08:00"),
    sample(3, "A@Example.com", "2026-11-20T10:10:00+08:00"),
]


@pytest.mark.parametrize(
    ("to", "after", "ids"),
    [
        (None, None, ["1", "2", "3"]),
        ("a@example.com", None, ["1", "3"]),
        (None, "1", ["2", "3"]),
        (None, "2026-11-20T02:03:00Z", ["3"]),
        (None, "2026-11-20T10:03:00 08:00", ["3"]),
        ("b@example.com", "2", []),
    ],
)
def test_mails_are_selected_by_recipient_and_instant_or_id(
    to: str | None, after: str | None, ids: list[str]
) -> None:
    assert [mail.id for mail in selected(MAILS, to, after)] == ids


@pytest.mark.parametrize("after", ["yesterday", "2026-11-20T10:03:00"])
def test_neither_an_instant_nor_an_id_is_refused(after: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|offset"):
        selected(MAILS, None, after)


@pytest.mark.parametrize(
    ("said", "release"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_381"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("command not understood", 0),
    ],
)
def test_javas_release_is_read_from_what_it_says(said: str, release: int) -> None:
    assert java_release(said) == release
