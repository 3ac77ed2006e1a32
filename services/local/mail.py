"""The SMTP sink: takes every mail, keeps it parsed in memory and in a file of the state folder.

Never sends anything on. Listens on loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import functools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.local.ports import LOOPBACK
from services.local.state import StateFolder

_ACCEPTED = "250 OK"


@dataclass(frozen=True, slots=True)
class Mail:
    """One received mail. `sender` and `to` are of the envelope; `at` is domain time."""

    id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    headers: dict[str, str]
    text: str
    html: str
    at: str

    def as_json(self) -> dict[str, Any]:
        """The names of `/local/mail`."""
        fields = asdict(self)
        return {"id": fields.pop("id"), "from": fields.pop("sender"), **fields}


def parse_mail(number: int, sender: str, to: tuple[str, ...], content: bytes, at: str) -> Mail:
    """A mail from its envelope and content; of several headers with one name all values count."""
    message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.SMTPUTF8)
    headers: dict[str, str] = {}
    for name, value in message.items():
        text = str(value).strip()
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return Mail(
        id=str(number),
        sender=sender,
        to=to,
        subject=str(message.get("subject", "")).strip(),  # a folded one begins with its fold
        headers=headers,
        text=_body(message, "plain"),
        html=_body(message, "html"),
        at=at,
    )


def selected(mails: list[Mail], to: str | None, after: str | None) -> list[Mail]:
    """The mails to this address (any case), after this instant (ISO 8601) or this mail's id.

    Raises ValueError when `after` is neither.
    """
    chosen = [mail for mail in mails if to is None or _is_to(mail, to)]
    if after is None:
        return chosen
    if after.isdecimal():
        return [mail for mail in chosen if int(mail.id) > int(after)]
    # A plus sign that was not encoded arrives as a space.
    instant = datetime.fromisoformat(after.replace(" ", "+"))
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset")
    return [mail for mail in chosen if datetime.fromisoformat(mail.at) > instant]


class MailSink:
    """What was received, in order; `now` gives domain time."""

    def __init__(self, file: Path, now: Callable[[], datetime], port: int = 0) -> None:
        self.port = port
        self._file = file
        self._now = now
        self.mails = _remembered(file)

    async def handle_DATA(  # noqa: N802 (the name is aiosmtpd's)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take one mail; answered only when it is in the file."""
        content = envelope.original_content or b""
        recipients = tuple(envelope.rcpt_tos)
        at = self._now().isoformat()
        number = len(self.mails) + 1
        mail = parse_mail(number, envelope.mail_from or "", recipients, content, at)
        with self._file.open("a") as stream:
            stream.write(json.dumps(asdict(mail), ensure_ascii=False) + "\n")
        self.mails.append(mail)
        return _ACCEPTED


@contextlib.asynccontextmanager
async def running(state: Path, now: Callable[[], datetime]) -> AsyncIterator[MailSink]:
    """A sink that listens; what it received before is there. Stops listening on leaving."""
    folder = StateFolder(state)
    sink = MailSink(folder.path / "mail.jsonl", now, folder.ports().port("smtp"))
    protocol = functools.partial(SMTP, sink, enable_SMTPUTF8=True, hostname="localhost")
    server = await asyncio.get_running_loop().create_server(protocol, LOOPBACK, sink.port)
    try:
        yield sink
    finally:
        server.close()


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:
        # A charset that Python does not know.
        return bytes(part.get_payload(decode=True)).decode("utf-8", "replace")


def _is_to(mail: Mail, address: str) -> bool:
    return address.casefold() in (recipient.casefold() for recipient in mail.to)


def _remembered(file: Path) -> list[Mail]:
    """What the file holds; a last line that a kill cut off is dropped, its mail unanswered."""
    if not file.exists():
        return []
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole)
    return [_from_line(line) for line in whole.split("\n") if line]


def _from_line(line: str) -> Mail:
    fields = json.loads(line)
    return Mail(**{**fields, "to": tuple(fields["to"])})
