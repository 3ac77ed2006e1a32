"""Logs are JSON lines on stdout, whoever writes them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from services.kit.folding import Folding

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
for node in range(100):
    logging.getLogger("library").warning("cannot reach node %s", node)
"""


def record(message: str, *values: object, at: float) -> logging.LogRecord:
    made = logging.LogRecord("library", logging.ERROR, "", 0, message, values, None)
    made.created = at
    return made


def test_what_is_said_over_and_over_is_said_now_and_then_with_how_often() -> None:
    folding = Folding(every_s=30)
    said = [record("node %s is away", number, at=number / 2) for number in range(121)]
    through = [one for one in said if folding.filter(one)]
    assert [(one.created, vars(one)["folded"]) for one in through] == [(0, 0), (30, 59), (60, 59)]
    assert folding.filter(record("another thing", at=1))
    assert folding.filter(record("Future failed\nfuture: 0x1", at=1))
    assert not folding.filter(record("Future failed\nfuture: 0x2", at=2))


def test_every_line_is_json_and_names_the_service() -> None:
    """In a process of its own: logging is set up once for all."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    lines = [json.loads(line) for line in ended.stdout.decode().splitlines()]
    assert [line["event"] for line in lines] == [
        "taken",
        "said so",
        "elsewhere",
        "failed",
        "cannot reach node 0",
    ]
    assert {line["service"] for line in lines} == {"intake"}
    assert [line["level"] for line in lines][:4] == ["info", "warning", "error", "error"]
    assert lines[0]["text"] == "案件"
    assert all(line["timestamp"] for line in lines)
    assert "KeyError: 'lost'" in lines[3]["exception"]
    assert ended.stderr == b""
