"""Taking personal data out of a text, the same way each time.

Owns what counts as personal in free text: values known from the case, then shapes of e-mail
addresses, phone, card and identity numbers, and amounts (the offer's wording promises that). It
cannot know a stranger's name in a free text: the handover says so, and a person reads it before
anything is made public.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import phonenumbers

from services.notifier.core.story import Story

MARK: Final = "[…]"
_BEFORE_PHONES: Final = (
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    re.compile(r"https?://\S+"),
)
_AFTER_PHONES: Final = (
    # Identity, card and account numbers; not ended by \b, which Chinese text does not have.
    re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){6,21}[0-9Xx]?(?![0-9])"),
    re.compile(r"(?:[¥￥$€£]|CNY|RMB|USD|EUR|GBP)\s?[0-9][0-9,]*(?:\.[0-9]+)?", re.IGNORECASE),
    # A number of four digits or with a fraction is an amount or an id until a person says no.
    re.compile(r"(?<![0-9])[0-9](?:,?[0-9]){3,}(?:\.[0-9]+)?|[0-9]+\.[0-9]+"),
    re.compile(r"[0-9]+(?=\s?(?:元|块|万|yuan|dollars?|euros?|CNY|RMB|USD|EUR))", re.IGNORECASE),
)
_SHORTEST_KNOWN: Final = 2


def redact(text: str, known: Iterable[str]) -> str:
    """`text` with every known value and every personal shape replaced by a mark."""
    values = {value for value in known if len(value) >= _SHORTEST_KNOWN}
    for value in sorted(values, key=lambda value: (-len(value), value)):
        text = re.sub(re.escape(value), MARK, text, flags=re.IGNORECASE)
    for shape in _BEFORE_PHONES:
        text = shape.sub(MARK, text)
    text = _without_phones(text)
    for shape in _AFTER_PHONES:
        text = shape.sub(MARK, text)
    return text


def personal_values(story: Story) -> frozenset[str]:
    """What the case itself knows to be personal: names, addresses, account and transaction ids."""
    customer, transaction = story.customer, story.transaction
    values = {customer.name, customer.email, customer.phone, customer.id}
    if transaction is not None:
        values |= {transaction.id, transaction.counterparty}
    values |= {line.agent_name for line in story.conversation}
    values |= {line.staff_number for line in story.conversation}
    return frozenset(value for value in values if value)


def _without_phones(text: str) -> str:
    found = phonenumbers.PhoneNumberMatcher(text, None)
    for match in reversed(list(found)):
        text = text[: match.start] + MARK + text[match.end :]
    return text
