"""Every template in every language, as people will read it.

`RECOURSE_WRITE_GOLDENS=1 pytest tests/golden/notifier` writes them anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from schemas import case
from schemas.event import EventData
from schemas.report import Customer
from services.notifier.core.announcement import Announcement
from services.notifier.core.vocabulary import Template
from services.notifier.core.wording import LANGUAGES, context, voice_for
from services.notifier.render import Message, Renderer
from tests.support.notifier_stories import EN, PACK, ZH, at, every_event, tell

HERE = Path(__file__).parent / "messages"
RENDERER = Renderer()
CUSTOMERS = {"zh": ZH, "en": EN}


_BY_REASON = {Template.CASE_CLOSED, Template.GROUP_FREED, Template.HOLDER_BRIEF}


def messages(events: tuple[EventData, ...], customer: Customer | None) -> dict[str, Message]:
    """What everybody reads after the last event, by template and how it came about."""
    first = events[0].model_copy(update={"customer": customer})
    found: dict[str, Message] = {}
    for word in tell(first, *events[1:])[-1].announcements:
        voice = voice_for(word, None, PACK)
        content = context(word, PACK, voice, at(len(events)))
        # Of several that differ in few words the first one stands for all.
        found.setdefault(
            _name(word, voice.language), RENDERER.message(word.template, voice.language, content)
        )
    return found


def _name(word: Announcement, language: str) -> str:
    """Where the golden of a message rests."""
    parts = [f"{language}/{word.template}", word.detail.offered_rung or ""]
    if word.template in _BY_REASON:
        parts.append(str(word.detail.because))
    if word.template is Template.RUNG_ENTERED and word.story.standing:
        parts += [word.story.standing.rung, str(word.detail.because)]
    if word.template is Template.HOLDER_BRIEF and word.needs_consent:
        parts.append("redacted")
    return ".".join(part for part in parts if part)


def everything() -> dict[str, Message]:
    """All goldens by name."""
    found: dict[str, Message] = {}
    for customer in CUSTOMERS.values():
        for events in every_event():
            found = messages(events, customer) | found
    return found


MESSAGES = everything()


def written(message: Message) -> str:
    return f"Subject: {message.subject}\n\n{message.text}"


def test_every_template_is_covered_in_every_language() -> None:
    covered = {tuple(name.split(".")[0].split("/")) for name in MESSAGES}
    assert covered == {(language, str(t)) for language in LANGUAGES for t in Template}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_the_message_reads_as_its_golden(name: str) -> None:
    file = HERE / f"{name}.txt"
    if os.environ.get("RECOURSE_WRITE_GOLDENS"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(written(MESSAGES[name]), encoding="utf-8")
    assert written(MESSAGES[name]) == file.read_text(encoding="utf-8")


def test_no_golden_is_left_over() -> None:
    names = {str(file.relative_to(HERE).with_suffix("")) for file in HERE.rglob("*.txt")}
    assert names == set(MESSAGES)


def test_what_customers_write_cannot_become_markup() -> None:
    evil = ZH.model_copy(update={"name": "<b>{{ 7*7 }}</b>"})
    (message,) = messages(every_event()[0], evil).values()
    assert "<b>{{ 7*7 }}</b>" in message.text
    assert "&lt;b&gt;{{ 7*7 }}&lt;/b&gt;" in message.html
    assert "49" not in message.html


def test_a_case_whose_personal_data_was_erased_can_still_be_told() -> None:
    for events in every_event():
        private: dict[str, Any] = {
            "customer": None, "description": None, "contact": None, "transaction": None, "facts": {}
        }  # fmt: skip
        assert isinstance(events[0], case.CaseOpened)
        bare = events[0].model_copy(update=private)
        assert all(m.text and m.subject for m in messages((bare, *events[1:]), None).values())


def test_times_are_in_the_customers_zone() -> None:
    (chinese,) = messages(every_event()[0], ZH).values()
    assert "2026年11月20日周五 10:13（中国标准时间）" in chinese.text
    (english,) = messages(every_event()[0], EN).values()
    assert "Thu, Nov 19, 2026, 21:13 (Eastern Standard Time)" in english.text
