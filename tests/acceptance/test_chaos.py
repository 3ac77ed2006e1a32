"""Twenty kill -9 over all services under load, judged from outside. `make chaos` does the rest."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.chaos.options import Options
from tests.chaos.report import closing_line, keep
from tests.chaos.scenarios.mixed import kills
from tests.conftest import KAFKA

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


async def test_twenty_kills_and_no_violation() -> None:
    with tempfile.TemporaryDirectory(prefix="ch", ignore_cleanup_errors=True) as folder:
        options = Options(Path(folder), seed=20, seconds=20, kafka=KAFKA, kills=20, rate=2.0)
        result = await kills(options)
        said = closing_line("kills", options.seed, result)
        if result.violations:
            said += f"; evidence: {keep(result.evidence, 'kills', options.state)}"
        assert not result.violations, (said, result.violations[:5])
        assert result.faults == {"kill": 20}
        assert sum(ack.what == "report" for ack in result.evidence.acks) > 20
