"""Intake's settings beside those of every service."""

from __future__ import annotations

from typing import Final

from pydantic import Field, SecretStr, TypeAdapter, field_validator

from services.kit.settings import Settings

TAKEN: Final = (
    "application/pdf audio/aac audio/amr audio/mp4 audio/mpeg audio/ogg audio/x-wav image/bmp "
    "image/gif image/heic image/heif image/jpeg image/png image/tiff image/webp text/plain "
    "video/3gpp video/mp4 video/quicktime video/webm"
)
"""What a customer may have to show, and what runs nothing when it is looked at."""


_OPTIONS: Final = TypeAdapter(dict[str, str])


class IntakeSettings(Settings):
    """Read from `RECOURSE_*` variables."""

    evidence_max_bytes: int = Field(
        default=10 * 1024 * 1024, ge=1, description="the largest file that a customer may send"
    )
    evidence_types: str = Field(
        default=TAKEN, description="the kinds of files that are taken, separated by spaces"
    )
    evidence_store: str = Field(
        default="file:///var/lib/recourse/evidence",
        description="where the sealed files are: file:///..., s3://..., gs://..., az://...",
    )
    evidence_store_options: SecretStr = Field(
        default=SecretStr("{}"), description="a cloud's options as JSON, such as keys and endpoint"
    )
    retention_evidence_d: int = Field(
        default=1826, ge=0, description="days that files are kept after a case's end; 0: ever"
    )
    upload_timeout_s: float = Field(default=300, gt=0, description="the longest that one may take")
    upload_idle_s: float = Field(default=20, gt=0, description="the longest without a byte")

    @field_validator("evidence_store_options")
    @classmethod
    def _is_an_object_of_texts(cls, value: SecretStr) -> SecretStr:
        try:
            _OPTIONS.validate_json(value.get_secret_value())
        except ValueError:
            # Not pydantic's own words: they would show what is secret.
            raise ValueError("must be a JSON object whose values are texts") from None
        return value

    @property
    def store_options(self) -> dict[str, str]:
        """What the store is told beside its address."""
        return _OPTIONS.validate_json(self.evidence_store_options.get_secret_value())
