"""What a text is made of: language, local dates, titles from the policy, and the case's story.

Owns the names that templates may use. Holds no sentence itself: those are in `templates/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton, get_timezone_name
from babel.numbers import format_currency

from schemas.pack import Pack
from schemas.pack_clocks import Texts
from schemas.report import Transaction
from services.notifier.core.announcement import Announcement
from services.notifier.core.recipient import Preferences
from services.notifier.core.redact import personal_values, redact
from services.notifier.core.story import Detail, Line, Story

LANGUAGES: Final = ("en", "zh")
_INSTANT: Final = {"en": "{day}, {clock} ({zone})", "zh": "{day} {clock}（{zone}）"}


@dataclass(frozen=True, slots=True)
class Voice:
    """The language of a text, and the locale and zone in which its dates are written."""

    language: str
    locale: Locale
    zone: ZoneInfo

    def when(self, instant: datetime) -> str:
        """An instant for people: day, weekday, hour and minute (24 h), and the zone's name."""
        local = instant.astimezone(self.zone)
        # format_skeleton converts to its own tzinfo argument, so both parts are given the zone.
        day = format_skeleton("yMMMEd", local, tzinfo=self.zone, locale=self.locale)
        clock = format_skeleton("Hm", local, tzinfo=self.zone, locale=self.locale)
        name = get_timezone_name(local, width="long", locale=self.locale)
        return _INSTANT[self.language].format(day=day, clock=clock, zone=name)

    def of(self, texts: Texts | None, otherwise: str) -> str:
        """The text in this language, else in English, else in any, else `otherwise`."""
        if not texts:
            return otherwise
        return texts.get(self.language) or texts.get("en") or next(iter(texts.values()))


def voice_for(announcement: Announcement, wishes: Preferences | None, pack: Pack) -> Voice:
    """How this recipient is spoken to.

    The operator's people read the customer's language and the policy's zone, unless they say else.
    """
    customer = announcement.story.customer
    tag = (wishes.locale if wishes else None) or customer.locale
    usual = customer.time_zone if announcement.to_customer else pack.time_zone
    zone = (wishes.time_zone if wishes else None) or usual
    language = tag.replace("_", "-").split("-")[0].lower()
    if language not in LANGUAGES:
        return Voice("en", Locale("en"), ZoneInfo(zone))
    return Voice(language, _locale(tag, language), ZoneInfo(zone))


def context(announcement: Announcement, pack: Pack, voice: Voice, now: datetime) -> dict[str, Any]:
    """Every name that a template may use."""
    story, detail = announcement.story, announcement.detail
    if announcement.needs_consent is not None:
        story, detail = redacted(story), _redacted_detail(story, detail)
    wanted = _explained(detail.facts or story.missing_facts, story, pack, voice)
    return {
        "number": str(story.case_id),
        "story": story,
        "customer": story.customer,
        "detail": detail,
        "standing": story.standing,
        "holder": story.standing.holder if story.standing else None,
        "next_at": story.next_promised_at(now),
        "category": voice.of(_category_title(pack, story), story.category.value),
        "group": voice.of(_group_title(pack, story), _group_name(story)),
        "wanted": tuple(why for _, why in wanted),
        "asked": _asked(story, pack, voice),
        "missing": _explained(story.missing_facts, story, pack, voice),
        "wording": voice.of(_offer_wording(announcement, pack), ""),
        "amount": _amount(story.transaction, voice),
        "when": voice.when,
        "redacted": announcement.needs_consent is not None,
        "status": story.status.value,
    }


def redacted(story: Story) -> Story:
    """The story without personal data: what may be handed over with consent."""
    known = personal_values(story)
    lines = tuple(_redacted_line(line, known) for line in story.conversation)
    bare = story.customer.model_copy(
        update={"name": None, "email": None, "phone": None, "id": None}
    )
    text = redact(story.description, known) if story.description else None
    return story.model_copy(
        update={
            "customer": bare,
            "conversation": lines,
            "description": text,
            "facts": {},
            "transaction": None,
            "promises": (),
        }
    )


def _redacted_detail(story: Story, detail: Detail) -> Detail:
    known = personal_values(story)
    return detail.model_copy(
        update={
            "text": redact(detail.text, known) if detail.text else None,
            "brief": redact(detail.brief, known) if detail.brief else None,
            "agent": None,
        }
    )


def _redacted_line(line: Line, known: frozenset[str]) -> Line:
    text = redact(line.text, known) if line.text else None
    return line.model_copy(update={"text": text, "agent_name": None, "staff_number": None})


def _locale(tag: str, language: str) -> Locale:
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale(language)


def _category_title(pack: Pack, story: Story) -> Texts | None:
    rule = pack.categories.get(story.category)
    return rule.title if rule else None


def _group_name(story: Story) -> str:
    return story.standing.owner_group if story.standing else ""


def _group_title(pack: Pack, story: Story) -> Texts | None:
    rule = pack.groups.get(_group_name(story))
    return rule.title if rule else None


def _explained(
    names: Iterable[str], story: Story, pack: Pack, voice: Voice
) -> tuple[tuple[str, str], ...]:
    """Facts asked for or still missing, each with why the policy wants it."""
    rule = pack.categories.get(story.category)
    why: Mapping[str, Texts] = {need.fact: need.why for need in rule.facts} if rule else {}
    return tuple((name, voice.of(why.get(name), name)) for name in names)


def _asked(story: Story, pack: Pack, voice: Voice) -> tuple[tuple[str, str], ...]:
    """What other departments were asked for, as the policy calls it, and how far they are."""
    rules = {action.value: rule for action, rule in pack.actions.items()}
    titles = {name: rules[name].title if name in rules else None for name in story.asked}
    return tuple((voice.of(titles[name], name), state) for name, state in story.asked.items())


def _offer_wording(announcement: Announcement, pack: Pack) -> Texts | None:
    rungs = {rung.name: rung for rung in pack.ladder.rungs}
    rung = rungs.get(announcement.detail.offered_rung or "")
    return rung.offer.wording if rung and rung.offer else None


def _amount(transaction: Transaction | None, voice: Voice) -> str | None:
    if transaction is None or transaction.amount is None or transaction.currency is None:
        return None
    return format_currency(transaction.amount, transaction.currency, locale=voice.locale)
