"""Personal data is taken out of a text, whatever shape it has."""

from __future__ import annotations

import pytest

from services.notifier.core.redact import MARK, personal_values, redact
from services.notifier.core.wording import redacted
from tests.support.notifier_stories import ZH, every_event, story_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的电话是13800000000。", f"我的电话是{MARK}。"),
        ("call +86 138 0000 0000 now", f"call {MARK} now"),
        ("write to a.b+c@example.co.uk!", f"write to {MARK}!"),
        ("身份证110101199003078888号", f"身份证{MARK}号"),
        ("card 4111 1111 1111 1111.", f"card {MARK}."),
        ("张三的钱", f"{MARK}的钱"),
        ("see https://example.com/u/1?x=2 there", f"see {MARK} there"),
        ("1280.00元没到", f"{MARK}元没到"),
        ("50元和$3,000", f"{MARK}元和{MARK}"),
        ("transferred 12,800 twice", f"transferred {MARK} twice"),
        ("2 days, 15 minutes", "2 days, 15 minutes"),
    ],
)
def test_shapes_and_known_values(text: str, expected: str) -> None:
    assert redact(text, {"张三"}) == expected


def test_the_longest_known_value_goes_first_and_case_does_not_matter() -> None:
    assert redact("JO MILLER paid", {"Jo", "Jo Miller"}) == f"{MARK} paid"


def test_redacting_twice_changes_nothing() -> None:
    once = redact("张三 13800000000 a@b.cn", {"张三"})
    assert redact(once, {"张三"}) == once


def test_no_known_value_is_left_anywhere_in_a_redacted_story() -> None:
    story = story_of(*every_event()[12])
    text = redacted(story).model_dump_json(exclude={"policy", "standing"})
    for value in personal_values(story) - {str(ZH.id)}:
        assert value not in text
    assert "13800000000" not in text
