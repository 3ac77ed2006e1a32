"""An export read from disk: packed or not, by several processes, with lines that are broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.escalation.rehearse import UnusableHistoryError, rehearse
from services.packs import DEFAULT_PACK, canonical, load_pack
from tests.support.ladder import Ladder, wallet_policy

CHANGED = load_pack(DEFAULT_PACK)


def head(**changes: Any) -> dict[str, Any]:
    policy = wallet_policy()
    pinned = {
        **policy.pin.model_dump(),
        "document": json.loads(canonical(policy.pack.model_dump(mode="json"))),
    }
    return {
        "format": "recourse.history.v1",
        "taken_at": "2026-12-04T01:00:00+00:00",
        "policies": [pinned],
        **changes,
    }


def case(number: int) -> dict[str, Any]:
    ladder = Ladder(case_id=uuid5(UUID(int=0), str(number)))
    ladder.open()
    entries = [
        entry.model_dump(
            mode="json", include={"kind", "trigger", "name", "recorded_at", "now", "data"}
        )
        for entry in ladder.entries
    ]
    return {"case_id": str(ladder.case_id), "policy": ladder.policy.digest, "entries": entries}


def written(path: Path, *lines: object) -> Path:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["history.ndjson", "history.ndjson.gz"])
def test_every_case_of_a_file_is_played_whoever_plays_it(tmp_path: Path, name: str) -> None:
    file = written(tmp_path / name, head(), *[case(number) for number in range(450)])
    told: list[int] = []
    tally = rehearse(file, CHANGED, told.append, workers=2)
    assert (tally.cases, tally.changed) == (450, 0)
    assert tally.old.messages == tally.new.messages
    assert tally.old.loads.total() == 450 * 5
    assert told == sorted(told)
    assert told[-1] == file.stat().st_size


def test_what_is_wrong_with_a_line_is_counted_with_its_place_and_no_case_is_lost(
    tmp_path: Path,
) -> None:
    unknown = {**case(1), "policy": "sha256:0"}
    resolved = {**case(2)["entries"][0], "name": "recourse.case.resolved.v1"}
    not_opened = {**case(2), "entries": [resolved]}
    file = written(
        tmp_path / "h.ndjson", head(), case(0), "{\n", "\n", unknown, not_opened, case(3)
    )
    tally = rehearse(file, CHANGED, lambda _: None, workers=1)
    assert tally.cases == 2
    assert tally.unplayable.total() == 3
    assert [line.split(":")[0] for line in tally.given_up] == ["line 3", "line 5", "line 6"]
    assert "not in the head" in tally.given_up[1]


def _no_head(path: Path) -> Path:
    return written(path, case(0))


def _empty(path: Path) -> Path:
    return written(path)


def _forged(path: Path) -> Path:
    pinned = head()["policies"][0]
    return written(path, head(policies=[{**pinned, "digest": "sha256:1"}]))


@pytest.mark.parametrize(
    ("make", "said"),
    [(_no_head, "not the head of an export"), (_empty, "h:1: "), (_forged, "sha256:1")],
)
def test_a_file_without_a_true_head_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    with pytest.raises(UnusableHistoryError, match=said):
        rehearse(make(tmp_path / "h"), CHANGED, lambda _: None, workers=1)
