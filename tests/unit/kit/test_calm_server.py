"""The server that seldom looks ends at once when it is told to."""

from __future__ import annotations

import asyncio
import signal

import pytest
import uvicorn
from sse_starlette.sse import AppStatus

from services.kit import calm_server
from services.kit.calm_server import CalmServer


async def test_a_signal_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    # The library of event streams takes note of the signal too: for this test only.
    monkeypatch.setattr(AppStatus, "should_exit", False)
    config = uvicorn.Config(lambda: None, date_header=True)
    config.load()
    server = CalmServer(config)
    serving = asyncio.ensure_future(server.main_loop())
    await asyncio.sleep(0)
    assert not serving.done()
    assert server.server_state.default_headers[0][0] == b"date"
    began = asyncio.get_running_loop().time()
    server.handle_exit(signal.SIGTERM, None)
    await asyncio.wait_for(serving, calm_server._TICK_S / 2)
    assert asyncio.get_running_loop().time() - began < calm_server._TICK_S / 2
