"""Whether everybody can be told, in every language that a pack speaks.

Owns comparing the pack's languages with the notifier's templates and with one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from schemas.pack import Pack
from schemas.pack_checks import PackProblem, Place
from services.notifier.core.vocabulary import Template
from services.policy.findings import Finding, Kind, texts_of


def message_findings(pack: Pack) -> Iterator[Finding]:
    """Languages without their messages, and those that some texts of the pack lack."""
    texts = list(texts_of(pack))
    for language in sorted({language for _, text in texts for language in text}):
        yield from _without_text(language, texts)
        yield from _without_template(pack, language)


def _without_text(
    language: str, texts: Sequence[tuple[Place, Mapping[str, str]]]
) -> Iterator[Finding]:
    lacking = [place for place, text in texts if language not in text]
    if lacking:
        more = f" and {len(lacking) - 1} more texts lack" if len(lacking) > 1 else " lacks"
        found = f"this text{more} {language}, which other texts of the pack speak: add it"
        yield Finding(Kind.MISSING_TEXT, PackProblem(lacking[0], found))


def _without_template(pack: Pack, language: str) -> Iterator[Finding]:
    folder = files("services.notifier") / "templates" / language
    missing = [template for template in Template if not _has(folder, template)]
    if not missing:
        return
    place = next(place for place, text in texts_of(pack) if language in text)
    which = "no message" if len(missing) == len(Template) else f"no {', '.join(missing)}"
    found = (
        f"there is {which} in {language}: customers read it in English; "
        f"add services/notifier/templates/{language}/"
    )
    yield Finding(Kind.MISSING_TEMPLATE, PackProblem((*place, language), found))


def _has(folder: Traversable, template: Template) -> bool:
    return (folder / f"{template}.txt.j2").is_file()
