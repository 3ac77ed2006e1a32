"""The state documents of running ladders outlive a deploy: those of earlier releases are read.

`state_documents.jsonl` was written by the last release that wrote with pydantic. Lines are only
ever added: what a release once wrote, every later one reads.
"""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from services.escalation.core.clock import parse_duration
from services.escalation.core.state import read_state, write_state

DOCUMENTS = Path(__file__).with_name("escalation") / "state_documents.jsonl"
WRITTEN = DOCUMENTS.read_text("utf-8").splitlines()
DURATIONS = frozenset({"amount", "by", "consumed"})
FREE = frozenset({"known", "parameters", "result", "visits", "consents", "dropped_cycles"})
"""What maps names that are no fields."""


@pytest.mark.parametrize("written", WRITTEN)
def test_a_document_of_an_earlier_release_is_read_whole(written: str) -> None:
    state = read_state(written.encode())
    again = write_state(state)
    assert by_value(json.loads(again)) == by_value(json.loads(written))
    assert read_state(again) == state
    assert write_state(read_state(again)) == again


@pytest.mark.parametrize("written", WRITTEN)
def test_what_a_later_release_wrote_beside_is_ignored(written: str) -> None:
    later = json.dumps(with_unknown_fields(json.loads(written)))
    assert read_state(later.encode()) == read_state(written.encode())


@pytest.mark.parametrize(("sound", "damaged"), [('"lane":"', '"lane":"PRIVATE'), ("amount", "?")])
def test_a_damaged_document_is_refused_without_a_word_of_it(sound: str, damaged: str) -> None:
    damaged = WRITTEN[0].replace(sound, damaged)
    with pytest.raises(ValueError, match="no state document") as refused:
        read_state(damaged.encode())
    assert "PRIVATE" not in "".join(traceback.format_exception(refused.value))


def by_value(part: Any, name: str = "") -> Any:
    """The document with each duration as what it means: `PT90M` and `PT1H30M` are one."""
    if isinstance(part, dict) and name not in FREE:
        return {key: by_value(value, key) for key, value in part.items()}
    if isinstance(part, list):
        return [by_value(value, name) for value in part]
    return parse_duration(part) if name in DURATIONS and isinstance(part, str) else part


def with_unknown_fields(part: Any, name: str = "") -> Any:
    if isinstance(part, list):
        return [with_unknown_fields(value) for value in part]
    if not isinstance(part, dict) or name in FREE:
        return part
    known = {key: with_unknown_fields(value, key) for key, value in part.items()}
    return {"of_a_later_release": {"any": ["thing"]}, **known}
