"""The front's settings. Owns names, defaults and meaning."""

from __future__ import annotations

from pydantic import Field

from services.kit.settings import HttpSettings


class FrontSettings(HttpSettings):
    """Where the services are."""

    intake_url: str = Field(description="intake's address, http://host:port")
    escalation_url: str = Field(description="escalation's address")
    notifier_url: str = Field(description="the notifier's address")

    def urls(self) -> dict[str, str]:
        """The address of each service by its name."""
        return {
            "intake": self.intake_url,
            "escalation": self.escalation_url,
            "notifier": self.notifier_url,
        }
