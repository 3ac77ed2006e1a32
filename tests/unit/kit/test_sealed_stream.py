"""A long secret comes back as it was, or not at all, whatever was done to its ciphertext."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.sealed_stream import SEGMENT, Opening, Sealing
from services.kit.sealing import UnsealError

KEY = bytes(range(32))
FIRST, OTHERS = SEGMENT - 40 - 16, SEGMENT - 16
EDGES = (0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + OTHERS, FIRST + OTHERS + 1, 3 * SEGMENT)


def some(size: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


def sealed(plaintext: bytes, step: int = 10_000, bound_to: bytes = b"case") -> bytes:
    sealing = Sealing(KEY, bound_to, lambda size: some(size, 1))
    pieces = [sealing.feed(plaintext[at : at + step]) for at in range(0, len(plaintext), step)]
    return b"".join([*pieces, sealing.finish()])


def opened(
    ciphertext: bytes, step: int = 10_000, key: bytes = KEY, bound_to: bytes = b"case"
) -> bytes:
    opening = Opening(key, bound_to)
    pieces = [opening.feed(ciphertext[at : at + step]) for at in range(0, len(ciphertext), step)]
    return b"".join([*pieces, opening.finish()])


def segments(ciphertext: bytes) -> list[bytes]:
    """The header with the first segment, and each further one."""
    return [ciphertext[at : at + SEGMENT] for at in range(0, len(ciphertext), SEGMENT)]


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("step", [1021, SEGMENT, 5 * SEGMENT])
def test_it_comes_back_however_it_was_cut(size: int, step: int) -> None:
    plaintext = some(size)
    assert opened(sealed(plaintext, step), step + 1) == plaintext


@given(st.binary(max_size=300), st.integers(1, 50))
def test_short_ones_come_back_too(plaintext: bytes, step: int) -> None:
    assert opened(sealed(plaintext, step), step) == plaintext


def test_how_it_is_fed_makes_no_difference_and_nothing_is_in_clear() -> None:
    plaintext = b"planted secret " * 20_000
    assert sealed(plaintext, 1) == sealed(plaintext, 999_999)
    assert b"planted" not in sealed(plaintext)


@pytest.mark.parametrize("at", [0, 1, 20, 36, 45, SEGMENT - 1, SEGMENT, 2 * SEGMENT + 5, -1])
def test_a_changed_bit_is_seen(at: int) -> None:
    broken = bytearray(sealed(some(3 * SEGMENT)))
    broken[at] ^= 1
    with pytest.raises(UnsealError):
        opened(bytes(broken))


@pytest.mark.parametrize("size", EDGES)
def test_what_is_cut_off_anywhere_is_seen(size: int) -> None:
    whole = sealed(some(size))
    cuts = {0, 1, 39, 40, 55, len(whole) - 17, len(whole) - 1}
    cuts |= {SEGMENT * number for number in range(1, len(whole) // SEGMENT + 1)}
    for cut in sorted(cut for cut in cuts if 0 <= cut < len(whole)):
        with pytest.raises(UnsealError):
            opened(whole[:cut])


@pytest.mark.parametrize(
    "order", [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (0, 1, 1, 2, 3), (0, 2, 3), (0, 1, 2, 3, 3)]
)
def test_moved_repeated_and_missing_segments_are_seen(order: Sequence[int]) -> None:
    pieces = segments(sealed(some(3 * SEGMENT + 100)))
    assert len(pieces) == 4
    with pytest.raises(UnsealError):
        opened(b"".join(pieces[number] for number in order))


def test_a_segment_of_another_secret_under_the_same_key_is_seen() -> None:
    one = segments(sealed(some(3 * SEGMENT)))
    sealing = Sealing(KEY, b"case", lambda size: some(size, 2))
    other = segments(sealing.feed(some(3 * SEGMENT)) + sealing.finish())
    with pytest.raises(UnsealError):
        opened(b"".join([one[0], other[1], *one[2:]]))


def test_only_its_own_key_and_place_open_it() -> None:
    whole = sealed(b"text")
    with pytest.raises(UnsealError):
        opened(whole, key=bytes(32))
    with pytest.raises(UnsealError):
        opened(whole, bound_to=b"another case")


def test_nothing_of_a_segment_is_given_out_before_its_tag_was_checked() -> None:
    whole = sealed(some(2 * SEGMENT))
    opening = Opening(KEY, b"case")
    assert opening.feed(whole[: SEGMENT - 1]) == b""
    assert opening.feed(whole[SEGMENT - 1 : SEGMENT + 1]) == some(2 * SEGMENT)[:FIRST]


def test_what_tink_sealed_opens() -> None:
    # By tink 1.16.1 (AES256-GCM-HKDF, SHA-256, segments of 65,536), with this key, bound to "case".
    by_tink = base64.b64decode(
        "KMFl7onKg02BWSEGiX7UVIO+l3ATYPjlWlul+HONy99SezDhtIV3Dp5bWZ4pJ58YOXydA9IyErwCidrpDifyfsdt"
        "ZWkS0g=="
    )
    assert opened(by_tink) == b"sealed by Tink"
