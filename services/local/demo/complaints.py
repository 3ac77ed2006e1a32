"""What the customers of the demo say: real narratives (English), situations of the seeds (Chinese).

Owns reading `examples/complaints/`; where the texts come from is in its README.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.pack import Pack
from schemas.vocabulary import Category
from services.yaml_files import read_yaml

EXAMPLES: Final = Path(__file__).resolve().parents[3] / "examples" / "complaints"
_LONGEST: Final = 4000
_NARRATIVE: Final = "Consumer complaint narrative"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One text, its language (`en`, `zh`) and what it is about."""

    text: str
    language: str
    category: Category

    def named_by_words(self, pack: Pack) -> bool:
        """Whether the pack's keywords in the text speak for its category and for no other."""
        found = {
            category
            for category, rule in pack.categories.items()
            if any(word.casefold() in self.text.casefold() for word in rule.keywords)
        }
        return found == {self.category}


def read_complaints(folder: Path = EXAMPLES) -> tuple[Complaint, ...]:
    """All complaints, Chinese and English in turn. Raises `OSError` where the folder is missing."""
    chinese, english = list(_chinese(folder)), list(_english(folder))
    mixed: list[Complaint] = []
    while chinese or english:
        mixed += [rest.pop(0) for rest in (chinese, english) if rest]
    return tuple(mixed)


def _english(folder: Path) -> Iterator[Complaint]:
    categories = read_yaml(folder / "categories.yaml").plain
    with (folder / "cfpb_wallet.csv").open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream)):
            text = row[_NARRATIVE].strip()
            if text:
                yield Complaint(text[:_LONGEST], "en", Category(categories[number]))


def _chinese(folder: Path) -> Iterator[Complaint]:
    situations: list[dict[str, Any]] = read_yaml(folder / "seeds_zh.yaml").plain
    for situation in situations:
        yield Complaint(situation["text"], "zh", Category(situation["category"]))
