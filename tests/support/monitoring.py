"""What Prometheus and Grafana are told to ask: every alert, panel and expression of `deploy/`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
_DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return [panel for path in _DASHBOARDS for panel in json.loads(path.read_text())["panels"]]


def expressions() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of every alert and every panel."""
    for alert in alerts():
        yield alert["alert"], alert["expr"]
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
