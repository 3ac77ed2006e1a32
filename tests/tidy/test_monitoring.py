"""Alerts and dashboards speak of metrics, labels and jobs that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase

from schemas.topics import SERVICES
from tests.support.monitoring import PROMETHEUS, alerts, expressions, panels

ROOT = Path(__file__).parents[2]
GIVEN_BY_PROMETHEUS = {"job", "instance"}
NAME = re.compile(r"\brecourse_[a-z_]+")
USE = re.compile(r"\b(recourse_[a-z_]+)(?:\{([^}]*)\})?")


def collected() -> dict[str, MetricWrapperBase]:
    """Our metrics by the names under which Prometheus stores them."""
    modules = [
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in sorted((ROOT / "services").rglob("*.py"))
        if "from prometheus_client import" in path.read_text()
    ]
    ours = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, MetricWrapperBase)
    ]
    stored: dict[str, MetricWrapperBase] = {}
    for metric in ours:
        (family,) = metric.describe()
        endings = {
            "counter": ("_total",),
            "histogram": ("_bucket", "_count", "_sum"),
            "gauge": ("",),
        }
        stored |= {family.name + ending: metric for ending in endings[family.type]}
    return stored


METRICS = collected()


def labels_of(metric: MetricWrapperBase) -> set[str]:
    more = {"le"} if isinstance(metric, Histogram) else set()
    return {*metric._labelnames, *more, *GIVEN_BY_PROMETHEUS}


def test_there_is_something_to_check() -> None:
    assert len(METRICS) > 15
    assert len(alerts()) >= 10
    assert len(panels()) >= 10


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_metrics_and_labels_exist(where: str, expression: str) -> None:
    used = USE.findall(expression)
    assert used or "up{" in expression, where
    allowed = set(GIVEN_BY_PROMETHEUS)
    for name, matchers in used:
        assert name in METRICS, f"{where}: there is no {name}"
        allowed |= labels_of(METRICS[name])
        named = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert named <= labels_of(METRICS[name]), f"{where}: {name} has no {named}"
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= allowed, where


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_speaks_of_labels_that_its_result_has(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "critical"}
    by = re.findall(r"\bby \(([^)]*)\)", alert["expr"])
    kept = {label.strip() for label in by[0].split(",")} - {"le"} if by else None
    spoken = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"]))
    if kept is None:
        kept = {"part", *GIVEN_BY_PROMETHEUS}
    assert spoken <= kept


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    drawn = [target["expr"] for panel in panels() for target in panel["targets"]]
    shown = set(NAME.findall(" ".join(drawn)))
    hidden = {name for name in METRICS if not name.endswith(("_sum", "_count"))} - shown
    assert hidden == set()


def test_panels_do_not_overlap_and_name_the_provisioned_source() -> None:
    sources = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    uids = {source["uid"] for source in sources["datasources"]}
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
        assert panel["datasource"]["uid"] in uids


def test_jobs_are_the_services() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in config["scrape_configs"]} - {"prometheus"}
    assert jobs == set(SERVICES)
    for _, expression in expressions():
        for wanted in re.findall(r'job=~"([^"]*)"', expression):
            assert set(wanted.split("|")) == jobs


def test_every_alert_is_tried_and_explained() -> None:
    tried = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    quiet, trouble = tried
    names = {alert["alert"] for alert in alerts()}
    assert {case["alertname"] for case in quiet["alert_rule_test"]} == names
    (firing,) = trouble["promql_expr_test"]
    fired = {re.findall(r'"(\w+)"', sample["labels"])[0] for sample in firing["exp_samples"]}
    assert fired == names


def test_the_operators_page_speaks_of_metrics_that_exist() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    bare = {name.removesuffix("_bucket") for name in METRICS}
    assert {name for name in NAME.findall(page) if name not in METRICS} <= bare
