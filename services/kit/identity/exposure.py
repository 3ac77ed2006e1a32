"""Whether a process would be reachable from elsewhere without asking who calls.

Owns that rule: beyond loopback only with identity, or where somebody says that a proxy does it.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from services.kit.settings import HttpSettings, IdentitySettings


def refuse_to_stand_open(settings: HttpSettings) -> None:
    """End the process where it would serve anybody."""
    fault = exposure(settings)
    if fault is not None:
        raise SystemExit(fault)


def exposure(settings: HttpSettings) -> str | None:
    """What is wrong with how this process would stand open; None: nothing."""
    if settings.identity == "on":
        return _clear_text(settings)
    if is_loopback(settings.http_host):
        return None
    if settings.unauthenticated_beyond_loopback_because_a_proxy_authenticates:
        return None
    return (
        f"RECOURSE_HTTP_HOST={settings.http_host} is beyond loopback and RECOURSE_IDENTITY is off: "
        "anybody could call; switch identity on, or say that a proxy authenticates with "
        "RECOURSE_UNAUTHENTICATED_BEYOND_LOOPBACK_BECAUSE_A_PROXY_AUTHENTICATES=true"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _clear_text(settings: HttpSettings) -> str | None:
    """Keys that came by plain HTTP could be anybody's."""
    if not isinstance(settings, IdentitySettings):
        return None
    for url in (settings.identity_issuer, settings.identity_jwks_url):
        parts = urlsplit(url or "https:")
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            return f"RECOURSE_IDENTITY_ISSUER and _JWKS_URL must be https beyond loopback: {url}"
    return None
