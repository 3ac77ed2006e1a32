"""Whatever stands in a pack's file, it is a pack or a list of mistakes, never a traceback."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.escalation.core.pack_calendars import calendar_problems
from services.escalation.core.policy import compile_policy
from services.packs import DEFAULT_PACK, load_pack
from services.yaml_files import InvalidFileError
from tests.support.broken_packs import SOUND

SHIPPED = (DEFAULT_PACK / "pack.yaml").read_bytes()
SMALL = SOUND.read_bytes()
PLAIN: Any = yaml.safe_load(SMALL)
FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(content: bytes) -> list[str]:
    """The messages; none where it is a pack, which then must be ready to decide with."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pack.yaml"
        file.write_bytes(content)
        try:
            loaded = load_pack(file, [calendar_problems])
        except InvalidFileError as error:
            return list(error.lines)
    compile_policy(loaded.pack, loaded.digest)
    return []


def told_well(lines: list[str]) -> bool:
    return all("\n" not in line and "pack.yaml:" in line and len(line) < 1000 for line in lines)


@given(
    st.sampled_from([SHIPPED, SMALL]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=6)), max_size=4),
)
@FUZZ
def test_mutated_bytes(content: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    for where, length, new in edits:
        start = int(where * len(content))
        content = content[:start] + new + content[start + length :]
    assert told_well(read(content))


_SIGNS = st.sampled_from(
    [
        *(
            b":",
            b"- ",
            b"&a ",
            b"*a",
            b"<<: *clocks",
            b"!!int ",
            b"!x ",
            b"|\n",
            b">\n",
            b"{",
            b"}",
        ),
        *(b"[", b"]", b'"', b"'", b"#", b"\n", b"\t", b"? ", b"---\n", b"~", b".inf", b"0x1"),
        *(b"1e999", b"0x" + b"f" * 5000),
    ]
)


@given(st.lists(st.tuples(st.floats(0, 1), _SIGNS), max_size=5))
@FUZZ
def test_inserted_signs(edits: list[tuple[float, bytes]]) -> None:
    content = SMALL
    for where, sign in edits:
        start = int(where * len(content))
        content = content[:start] + sign + content[start:]
    assert told_well(read(content))


_VALUES = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    st.sampled_from(
        [10**30, 10**4000, "PT15M", "", "P999999999D", -1, 2**64, {}, [], [[]], "x" * 3000]
    ),
    st.recursive(st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    st.dictionaries(st.text(max_size=5) | st.integers(), st.text(max_size=5), max_size=3),
)


def places(plain: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = plain.items() if isinstance(plain, dict) else enumerate(plain)
    found: list[tuple[Any, ...]] = []
    for step, value in steps:
        found.append((*place, step))
        if isinstance(value, dict | list):
            found += places(value, (*place, step))
    return found


@given(
    st.lists(
        st.tuples(st.sampled_from(places(PLAIN)), st.sampled_from("rda"), _VALUES),
        min_size=1,
        max_size=3,
    )
)
@FUZZ
def test_mutated_structures(edits: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    plain = copy.deepcopy(PLAIN)
    for place, kind, value in edits:
        _mutate(plain, place, kind, value)
    content = yaml.safe_dump(plain, allow_unicode=True).encode("utf-8", "surrogatepass")
    assert told_well(read(content))


def _mutate(plain: Any, place: tuple[Any, ...], kind: str, value: Any) -> None:
    """Replaces, deletes or adds at a place, if an edit before has left it there."""
    at = plain
    for step in place[:-1]:
        if not isinstance(at, dict | list) or (isinstance(at, dict) and step not in at):
            return
        if isinstance(at, list) and (not isinstance(step, int) or step >= len(at)):
            return
        at = at[step]
    key = place[-1]
    if isinstance(at, dict):
        if kind == "d":
            at.pop(key, None)
        else:
            at[key if kind == "r" else "added"] = value
    elif isinstance(at, list) and isinstance(key, int) and key < len(at):
        if kind == "d":
            del at[key]
        else:
            at[key] = value
