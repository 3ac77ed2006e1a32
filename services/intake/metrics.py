"""Intake's own metrics. Labels never carry personal data.

| metric | meaning |
| --- | --- |
| recourse_incident_updates_told_total | updates of incidents told, each to one case |
| recourse_evidence_bytes_total | bytes of files taken |
| recourse_evidence_refused_total{reason} | files not taken: too_large, unsupported_type, invalid_form, slow, left, store_away |
| recourse_evidence_orphans_deleted_total | objects and halves that no file needed |
| recourse_evidence_store_up | 1 while the store of files could be looked through |
"""  # noqa: E501

from __future__ import annotations

from prometheus_client import Counter, Gauge

INCIDENT_UPDATES = Counter(
    "recourse_incident_updates_told", "Updates of incidents told, each to one case"
)
EVIDENCE_BYTES = Counter("recourse_evidence_bytes", "Bytes of files taken")
EVIDENCE_REFUSED = Counter("recourse_evidence_refused", "Files not taken", ["reason"])
EVIDENCE_ORPHANS = Counter(
    "recourse_evidence_orphans_deleted", "Objects and halves that no file needed"
)
EVIDENCE_STORE_UP = Gauge(
    "recourse_evidence_store_up", "1 while the store of files could be looked through"
)
