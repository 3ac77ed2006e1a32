"""Webhooks by the Standard Webhooks specification: signed, never redirected, guarded.

Owns the payload, the headers and what an HTTP answer means. Never decides to try again.
"""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from standardwebhooks import Webhook

from services.notifier.channels.address_guard import ForbiddenAddress, checked_address
from services.notifier.channels.outgoing import Outgoing
from services.notifier.core.retry import Fault, FaultKind

_BUSY: Final = frozenset({408, 425, 429, 502, 503, 504})
_SCHEMES: Final = {"http": 80, "https": 443}


class WebhookChannel:
    """Posts signed notifications. `allow_local` lets them go to private and loopback hosts.

    `tls` replaces the default trust (for a private certificate authority).
    """

    def __init__(
        self, *, allow_local: bool, timeout_s: float = 10.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_local = allow_local
        # No proxy from the environment: it would connect by name, past the address guard.
        # No reuse either: connections are pooled by address, and one that was verified for one
        # name must not carry another name's message.
        self._client = httpx.AsyncClient(
            verify=tls or True,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def send(self, outgoing: Outgoing, real_now: datetime) -> Fault | None:
        """Post the notification; None: answered 2xx."""
        try:
            url = httpx.URL(outgoing.address)
            request = await self._request(outgoing, url, real_now)
        except (ForbiddenAddress, httpx.InvalidURL):
            return Fault(FaultKind.FORBIDDEN_ADDRESS)
        except OSError as error:
            return Fault(FaultKind.CONNECTION, detail=type(error).__name__)
        try:
            # Only the head of the answer counts; an endless body must not hold the courier.
            response = await self._client.send(request, stream=True)
            await response.aclose()
        except httpx.HTTPError as error:
            return Fault(FaultKind.CONNECTION, detail=type(error).__name__)
        return _meaning(response, real_now)

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()

    async def _request(
        self, outgoing: Outgoing, url: httpx.URL, real_now: datetime
    ) -> httpx.Request:
        if url.scheme not in _SCHEMES or not url.host or outgoing.secret is None:
            raise ForbiddenAddress
        port = url.port or _SCHEMES[url.scheme]
        address = await checked_address(url.host, port, allow_local=self._allow_local)
        body = payload(outgoing)
        headers = signed_headers(outgoing.key, outgoing.secret, body, real_now)
        return self._client.build_request(
            "POST",
            url.copy_with(host=address),
            content=body.encode(),
            headers={**headers, "host": url.netloc.decode("ascii").rpartition("@")[2]},
            extensions={"sni_hostname": url.host},
        )


def payload(outgoing: Outgoing) -> str:
    """The JSON body, the same bytes at every attempt."""
    # What an older release froze without one is sent again with the same bytes.
    whom = {} if outgoing.recipient is None else {"recipient": outgoing.recipient}
    content = {
        "type": f"notification.{outgoing.template}",
        "timestamp": outgoing.planned_at.isoformat(),
        "data": {
            "delivery_id": outgoing.key,
            "case_id": outgoing.thread,
            "template": outgoing.template,
            "language": outgoing.language,
            "subject": outgoing.subject,
            "text": outgoing.text,
            **whom,
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def signed_headers(key: str, secret: str, body: str, real_now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks; the timestamp is real time, which receivers check."""
    # The library takes the wall-clock reading of any zone for UTC.
    at = real_now.astimezone(UTC)
    return {
        "content-type": "application/json",
        "user-agent": "recourse-notifier",
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(key, at, body),
    }


def _meaning(response: httpx.Response, real_now: datetime) -> Fault | None:
    code = response.status_code
    if 200 <= code < 300:
        return None
    if code == 410:
        return Fault(FaultKind.GONE, detail="410")
    kind = FaultKind.BUSY if code in _BUSY else FaultKind.ERROR_ANSWER
    return Fault(kind, _retry_after(response.headers.get("retry-after"), real_now), str(code))


def _retry_after(text: str | None, real_now: datetime) -> timedelta | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        return None
    return max(instant - real_now, timedelta(0))
