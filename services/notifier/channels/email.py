"""E-mail by SMTP: connections reused, one thread per case, faults told apart.

Owns the MIME message and what an SMTP answer means. Never decides whether to try again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Final

import aiosmtplib

from services.notifier.channels.outgoing import Outgoing
from services.notifier.core.retry import Fault, FaultKind

_IDLE_CHECK_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """How to reach the mail server. `sender` is the address that customers see."""

    host: str
    port: int
    sender: str
    sender_name: str = ""
    username: str | None = None
    password: str | None = None
    use_tls: bool = False
    start_tls: bool | None = None
    connections: int = 2
    timeout_s: float = 10.0


class _Line:
    """One SMTP connection, used by one message at a time."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._client: aiosmtplib.SMTP | None = None
        self._used_at = 0.0

    async def send(self, message: EmailMessage, to: str) -> None:
        """Send; a connection that failed is thrown away."""
        try:
            client = await self._connected()
            await client.send_message(message, sender=self._settings.sender, recipients=[to])
        except BaseException as error:
            if not isinstance(error, aiosmtplib.SMTPResponseException | _RECIPIENTS_REFUSED):
                self.drop()
            raise
        self._used_at = asyncio.get_running_loop().time()

    def drop(self) -> None:
        """Close without a word: the other side may be gone."""
        if self._client is not None:
            self._client.close()
        self._client = None

    async def quit(self) -> None:
        """Take leave and close."""
        if self._client is not None and self._client.is_connected:
            with suppress(aiosmtplib.SMTPException, OSError):
                await self._client.quit()
        self.drop()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and await self._alive(self._client):
            return self._client
        self.drop()
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password,
            use_tls=settings.use_tls,
            start_tls=settings.start_tls,
            timeout=settings.timeout_s,
        )
        await client.connect()
        self._client = client
        return client

    async def _alive(self, client: aiosmtplib.SMTP) -> bool:
        if not client.is_connected:
            return False
        if asyncio.get_running_loop().time() - self._used_at < _IDLE_CHECK_S:
            return True
        # Servers hang up on idle clients; asking first saves the message an attempt.
        try:
            await client.noop()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True


_RECIPIENTS_REFUSED: Final = aiosmtplib.SMTPRecipientsRefused


class EmailChannel:
    """Sends mail over a few reused connections."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._lines = [_Line(settings) for _ in range(settings.connections)]
        self._free: asyncio.LifoQueue[_Line] = asyncio.LifoQueue()
        for line in self._lines:
            self._free.put_nowait(line)

    async def send(self, outgoing: Outgoing, real_now: datetime) -> Fault | None:
        """Hand the mail to the server; None: accepted."""
        message = compose(outgoing, self._settings)
        line = await self._free.get()
        try:
            await line.send(message, outgoing.address)
        except (aiosmtplib.SMTPException, OSError) as error:
            return _fault(error)
        finally:
            self._free.put_nowait(line)
        return None

    async def close(self) -> None:
        """Leave the server politely."""
        await asyncio.gather(*(line.quit() for line in self._lines))


def compose(outgoing: Outgoing, settings: SmtpSettings) -> EmailMessage:
    """The MIME message, the same at every attempt."""
    domain = settings.sender.rpartition("@")[2]
    thread = f"<case-{outgoing.thread}@{domain}>"
    message = EmailMessage(policy=SMTP_POLICY)
    message["Message-ID"] = f"<{outgoing.key}@{domain}>"
    # A root that no mail carries is allowed (RFC 5322 3.6.4) and makes one thread of them all.
    message["In-Reply-To"] = thread
    message["References"] = thread
    message["Date"] = format_datetime(outgoing.planned_at)
    message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
    message["To"] = outgoing.address
    message["Subject"] = outgoing.subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(outgoing.text)
    message.add_alternative(outgoing.html, subtype="html")
    # Last: making the parts moves every Content- header into the first one.
    message["Content-Language"] = outgoing.language
    return message


def _fault(error: Exception) -> Fault:
    """What an SMTP failure means: 5xx about this message is final, everything else may pass."""
    codes = _codes(error)
    # The server's words are left out: they repeat the recipient's address.
    detail = ",".join(map(str, codes)) or type(error).__name__
    is_ours = isinstance(error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPHeloError)
    if not codes or is_ours:
        return Fault(FaultKind.CONNECTION, detail=detail)
    if all(500 <= code < 600 for code in codes):
        return Fault(FaultKind.REFUSED, detail=detail)
    return Fault(FaultKind.BUSY, detail=detail)


def _codes(error: Exception) -> tuple[int, ...]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return tuple(refused.code for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPConnectResponseError):
        return ()
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return (error.code,)
    return ()
