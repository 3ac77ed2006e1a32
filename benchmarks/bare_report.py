"""The route of the bare baseline of reports: validated by intake's own model, written nowhere.

Apart from `bare`, since reading this model costs time that the bare start-up must not count.
"""

from __future__ import annotations

from fastapi import FastAPI

from schemas.report import Report


def add_report(app: FastAPI) -> None:
    """Add `POST /v1/cases`."""

    @app.post("/v1/cases", status_code=201)
    async def take(report: Report) -> dict[str, str]:
        return {"id": report.external_id, "status": "open"}
