"""The notifier's settings beside those of every service. Owns names, defaults and meaning."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.kit.settings import Settings


class NotifierSettings(Settings):
    """How mails leave, what webhooks may reach, and how patient the courier is."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_sender: str = Field(
        default="care@wallet.example", description="the address that customers see"
    )
    smtp_sender_name: str = ""
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_use_tls: bool = Field(default=False, description="TLS from the first byte (port 465)")
    smtp_start_tls: bool | None = Field(
        default=None, description="unset: where the server offers it"
    )
    smtp_connections: int = Field(default=2, ge=1)
    allow_local_webhooks: bool = Field(
        default=False, description="let webhooks reach private and loopback addresses"
    )
    send_slots: int = Field(default=8, ge=1, description="deliveries under way at once")
    send_timeout_s: float = 15
    send_lease_s: float = Field(
        default=20, description="after this a delivery under way is taken over by another courier"
    )
    retention_texts_d: int = Field(
        default=1826, ge=0, description="days that sent texts are kept, and their case is over"
    )
    stale_notice_h: float = Field(
        default=24, description="news older than this (domain time) is recorded, not sent"
    )
