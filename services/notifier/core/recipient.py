"""A recipient as they want to be told: the body of `PUT /v1/recipients/{id}`.

Owns the model and its rules. Addresses are personal data: they rest sealed.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import Field, HttpUrl, TypeAdapter, field_validator, model_validator

from schemas.event import Model
from schemas.report import Email, Locale
from schemas.vocabulary import DeliveryChannel
from services.notifier.core.vocabulary import Template

_ZONES = available_timezones()
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_URL: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


class ChannelAddress(Model):
    """One way to reach a recipient. `secret` signs webhooks (Standard Webhooks, `whsec_...`).

    Without a `secret` a webhook is signed with one derived for this recipient, which
    `GET /v1/recipients/{id}` shows.
    """

    channel: DeliveryChannel
    address: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    verified: bool = True
    secret: Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/]{32,88}={0,2}$")] | None = None

    @model_validator(mode="after")
    def _address_fits_channel(self) -> ChannelAddress:
        match self.channel:
            case DeliveryChannel.EMAIL:
                _EMAIL.validate_python(self.address)
            case DeliveryChannel.WEBHOOK:
                _URL.validate_python(self.address)
            case DeliveryChannel.IN_APP:
                if self.address is not None:
                    raise ValueError("the in-app inbox needs no address")
        return self


class QuietHours(Model):
    """Local times between which nothing is sent; `start` may be later than `end` (midnight)."""

    start: time
    end: time


class Preferences(Model):
    """How a recipient wants to be told. `channels` in order; None: as the policy says.

    `preferences` names, per text, the channels it may use; an empty list means: don't tell me.
    """

    locale: Locale | None = None
    time_zone: str | None = None
    channels: Annotated[tuple[ChannelAddress, ...], Field(max_length=20)] | None = None
    quiet_hours: QuietHours | None = None
    preferences: dict[Template, tuple[DeliveryChannel, ...]] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in _ZONES:
            raise ValueError("not an IANA time zone such as Asia/Shanghai")
        return name
