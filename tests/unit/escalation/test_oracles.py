"""The published vectors pass, and the checker can fail."""

import json
from pathlib import Path

import pytest

from tests.oracles import statutory
from tests.oracles.__main__ import main
from tests.oracles.runner import NO_COUNTERPART, Verdict, run
from tests.oracles.vector import agrees, read

DATA = Path(__file__).parents[2] / "oracles" / "data"
VECTORS = DATA / "business_time.json"
STATUTES = DATA / "regulatory.json"
MOST_SKIPPED_KINDS = 6


def test_every_vector_without_a_quirk_passes() -> None:
    results = run(read(VECTORS))
    assert [each for each in results if each.verdict is Verdict.FAILED] == []
    unasserted = {
        each.vector.kind
        for each in results
        if each.verdict is Verdict.SKIPPED and not each.vector.quirk
    }
    assert unasserted <= set(NO_COUNTERPART)
    assert len(unasserted) <= MOST_SKIPPED_KINDS
    assert sum(each.verdict is Verdict.PASSED for each in results) > 300


def test_a_wrong_expectation_fails_with_its_id_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    vector = next(each for each in vectors if each["id"] == "biz-0006")
    unknown = vector | {"id": "new-1", "kind": "weather"}
    file = tmp_path / "vectors.json"
    wrong = vector | {"expected": {"end": "2006-01-04T16:00:01+00:00"}}
    file.write_text(json.dumps([vector, wrong, unknown]), encoding="utf-8")
    assert main([str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAILED biz-0006 (add_business_time): expected")
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"
    assert "kind unknown" in "\n".join(lines)


def test_every_statutory_deadline_of_high_and_medium_confidence_passes() -> None:
    document = json.loads(STATUTES.read_text(encoding="utf-8"))
    sure = {each["id"] for each in document["vectors"] if each["confidence"] != "low"}
    results = statutory.run(document)
    passed = {each.vector.id for each in results if each.verdict is Verdict.PASSED}
    assert sure - passed == set()
    assert len(sure) > 25


def test_a_wrong_statutory_date_fails_and_an_unsure_one_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(STATUTES.read_text(encoding="utf-8"))
    vector = next(each for each in document["vectors"] if each["id"] == "USE-04")
    day_late = {"clock": "determine_or_provisional_credit", "due_local_date": "2026-04-23"}
    wrong = vector | {"expected": [day_late]}
    other = vector | {"id": "USE-99", "regime": "US-MOON"}
    unsure = wrong | {"id": "USE-98", "confidence": "low"}
    file = tmp_path / "statutes.json"
    file.write_text(json.dumps(document | {"vectors": [vector, wrong, other, unsure]}))
    assert main([str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAILED USE-04 (US-REG-E): expected")
    assert "got determine_or_provisional_credit: 2026-04-22 (applies)" in lines[0]
    assert lines[-1] == "1 passed, 1 failed, 2 skipped"
    assert "no counterpart: regime US-MOON" in "\n".join(lines)
    assert "confidence low: got" in "\n".join(lines)


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ({"end": "2026-01-01T08:00:00+08:00"}, {"end": "2026-01-01T00:00:00+00:00"}, True),
        ({"end": None}, {"end": "2026-01-01T00:00:00+00:00"}, False),
        ({"open": True}, {"open": 1}, False),
        ({"seconds": 1}, {"seconds": 1.5}, False),
        ({"days": 0.625}, {"days": 0.625, "seconds": 1}, True),
        ({"seconds": 1}, {}, False),
        ({"dates": ["2026-01-01"]}, {"dates": []}, False),
    ],
)
def test_outcomes_are_compared_by_what_they_mean(expected: object, got: object, same: bool) -> None:
    assert agrees(expected, got) is same
