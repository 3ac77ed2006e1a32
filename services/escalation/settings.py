"""Escalation's settings beside those of every service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.kit.settings import Settings


class EscalationSettings(Settings):
    """Read from `RECOURSE_*` variables."""

    roster_file: Path | None = Field(
        default=None, description="the operator's roster (YAML); default: a small example"
    )
    shadow_pack_dir: Path | None = Field(
        default=None,
        description="a pack's folder, run in the shadow of the real one; default: none",
    )
