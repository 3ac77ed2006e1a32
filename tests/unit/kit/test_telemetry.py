"""Logs are JSON lines on stdout, whoever writes them."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, threading
import structlog
from services.kit import telemetry
telemetry.set_up_logging("intake", "INFO")
structlog.get_logger("ours").info("taken", case_id="1", text="案件")
logging.getLogger("library").info("chatter")
logging.getLogger("library").warning("said %s", "so")
thread = threading.Thread(target=lambda: logging.getLogger("library").error("elsewhere"))
thread.start(); thread.join()
try:
    raise KeyError("lost")
except KeyError:
    logging.getLogger("library").exception("failed")
"""


def test_every_line_is_json_and_names_the_service() -> None:
    """In a process of its own: logging is set up once for all."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    lines = [json.loads(line) for line in ended.stdout.decode().splitlines()]
    assert [line["event"] for line in lines] == ["taken", "said so", "elsewhere", "failed"]
    assert {line["service"] for line in lines} == {"intake"}
    assert [line["level"] for line in lines] == ["info", "warning", "error", "error"]
    assert lines[0]["text"] == "案件"
    assert all(line["timestamp"] for line in lines)
    assert "KeyError: 'lost'" in lines[3]["exception"]
    assert ended.stderr == b""
