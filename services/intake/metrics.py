"""Intake's own metrics. Labels never carry personal data.

| metric | meaning |
| --- | --- |
| recourse_incident_updates_told_total | updates of incidents told, each to one case |
"""

from __future__ import annotations

from prometheus_client import Counter

INCIDENT_UPDATES = Counter(
    "recourse_incident_updates_told", "Updates of incidents told, each to one case"
)
