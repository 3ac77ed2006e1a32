"""The watch over the broker: when a consumer has been silent for too long."""

from __future__ import annotations

from services.kit.broker_watch import Stillness


def test_what_begins_is_given_its_time_however_long_the_machine_runs() -> None:
    """Time counts from the start of the machine: the first look found every consumer dead."""
    still = Stillness(60)
    assert not still.too_long(1_000_000.0, {})
    assert not still.too_long(1_000_060.0, {})
    assert still.too_long(1_000_060.5, {})


def test_what_moves_or_is_well_is_never_too_still() -> None:
    still = Stillness(60)
    assert not any(still.too_long(50.0 * turn, {"partition": turn}) for turn in range(9))
    assert not any(still.too_long(1000 + 50.0 * turn, {}, well=True) for turn in range(9))


def test_it_is_rebuilt_once_and_then_given_its_time_again() -> None:
    still = Stillness(60)
    assert [still.too_long(at, {}) for at in (0.0, 61.0, 62.0, 121.0, 122.0)] == [
        False, True, False, False, True,
    ]  # fmt: skip
