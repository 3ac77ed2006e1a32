"""Every shipped pack keeps the promises of its own `examples.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.packs import SHIPPED_PACKS
from services.policy.examples import broken_promises, read_examples
from services.policy.loading import read_policy

PACKS = sorted(folder.parent for folder in SHIPPED_PACKS.glob("*/pack.yaml"))


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_pack_keeps_its_examples(pack: Path) -> None:
    examples = read_examples(pack)
    assert examples is not None
    assert examples.examples
    assert list(broken_promises(read_policy(pack).policy, examples)) == []
