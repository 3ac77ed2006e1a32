"""A real SMTP server that keeps mails and answers as it is told."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class Sink:
    """Keeps mails; answers RCPT and DATA as told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.sessions: set[int] = set()
        self.rcpt = "250 OK"
        self.data = "250 OK"
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        self.sessions.add(id(session))
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return self.data

    def text(self, number: int = -1) -> str:
        """The plain text of a mail."""
        body = self.mails[number].get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@contextmanager
def serving(sink: Sink) -> Iterator[Controller]:
    """The sink on a free port of loopback, or again on the port it had."""
    if not sink.port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            sink.port = free.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    try:
        yield controller
    finally:
        if controller.server is not None:
            controller.stop()
