"""The schedule of faults: the same from the same seed, and only what can be had."""

from __future__ import annotations

from tests.chaos.schedule import KINDS, draw

ALL = {need for kind in KINDS.values() for need in kind.needs}


def test_the_same_seed_is_the_same_schedule() -> None:
    assert draw(7, 600, 4, ALL) == draw(7, 600, 4, ALL)
    assert draw(7, 600, 4, ALL) != draw(8, 600, 4, ALL)


def test_every_kind_comes_and_stays_within_its_bounds() -> None:
    schedule = draw(1, 4000, 2, ALL)
    assert {each.kind for each in schedule} == set(KINDS)
    for each in schedule:
        kind = KINDS[each.kind]
        assert each.target in kind.targets
        assert kind.shortest_s <= each.lasts <= kind.longest_s
        assert 0 <= each.at < 4000
    assert [each.at for each in schedule] == sorted(each.at for each in schedule)


def test_what_cannot_be_had_is_left_out() -> None:
    kinds = {each.kind for each in draw(1, 4000, 2, set())}
    assert kinds == {name for name, kind in KINDS.items() if not kind.needs}
    assert {each.kind for each in draw(1, 400, 2, ALL, ("kill",))} == {"kill"}
