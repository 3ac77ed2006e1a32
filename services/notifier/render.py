"""From a template and a context to a message: subject, plain text and HTML.

Owns the sandboxed environment. A template is one file per language: its first line is the
subject (`Subject: ...`), then an empty line, then the text; the HTML part is the same text in a
frame, so that both can never say different things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from services.notifier.core.vocabulary import Template

_SUBJECT: Final = "Subject: "


@dataclass(frozen=True, slots=True)
class Message:
    """What a recipient reads, in one language."""

    subject: str
    text: str
    html: str


class Renderer:
    """Renders templates strictly: a name that the context lacks is an error, not an empty text."""

    def __init__(self) -> None:
        loader = PackageLoader("services.notifier", "templates")
        self._environment = SandboxedEnvironment(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def message(self, template: Template, language: str, context: Mapping[str, Any]) -> Message:
        """The message. Raises `jinja2.TemplateError` when the context does not fit."""
        source = self._environment.get_template(f"{language}/{template}.txt.j2")
        head, _, body = source.render(context).lstrip().partition("\n")
        if not head.startswith(_SUBJECT):
            raise ValueError(f"{language}/{template} does not begin with its subject")
        subject = " ".join(head.removeprefix(_SUBJECT).split())
        text = _tidied(body)
        frame = self._environment.get_template("frame.html.j2")
        html = frame.render(language=language, subject=subject, paragraphs=text.split("\n\n"))
        return Message(subject, text + "\n", html)


def _tidied(text: str) -> str:
    """Without trailing blanks and with exactly one empty line between paragraphs."""
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            paragraphs[-1].append(line.rstrip())
        elif paragraphs[-1]:
            paragraphs.append([])
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)
