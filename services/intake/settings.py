"""Intake's settings beside those of every service."""

from __future__ import annotations

from pydantic import Field

from services.kit.settings import Settings


class IntakeSettings(Settings):
    """Read from `RECOURSE_*` variables."""

    evidence_max_bytes: int = Field(
        default=10 * 1024 * 1024, ge=1, description="the largest file that a customer may send"
    )
    retention_evidence_d: int = Field(
        default=1826, ge=0, description="days that files are kept after a case's end; 0: ever"
    )
