"""`python -m tests.oracles FILE.json`: prints each mismatch, a count per kind, and the totals."""

import json
import sys
from collections import Counter
from pathlib import Path

from tests.oracles import statutory
from tests.oracles.runner import Result, Verdict, run
from tests.oracles.vector import vectors_of


def judged(path: Path) -> list[Result]:
    """The verdict on every vector of a file, whichever of the two schemas it has."""
    document = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(document, list):
        return run(vectors_of(document))
    return statutory.run(document)


def report(results: list[Result]) -> list[str]:
    """The lines to print, the totals last."""
    lines = [
        f"FAILED {each.vector.id} ({each.vector.kind}): "
        f"expected {dict(each.vector.expected)}, got {each.detail}"
        for each in results
        if each.verdict is Verdict.FAILED
    ]
    for kind in sorted({each.vector.kind for each in results}):
        lines += _of_kind(kind, [each for each in results if each.vector.kind == kind])
    return [*lines, _totals(results)]


def _of_kind(kind: str, results: list[Result]) -> list[str]:
    skips = Counter(each.detail for each in results if each.verdict is Verdict.SKIPPED)
    reasons = [f"    skipped {count}: {reason}" for reason, count in sorted(skips.items())]
    return [f"{kind}: {_totals(results)}", *reasons]


def _totals(results: list[Result]) -> str:
    counts = Counter(each.verdict for each in results)
    return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)


def main(arguments: list[str]) -> int:
    """Exit status: 1 on a failure, 2 on wrong usage."""
    if len(arguments) != 1:
        print("usage: python -m tests.oracles FILE.json", file=sys.stderr)
        return 2
    results = judged(Path(arguments[0]))
    print("\n".join(report(results)))
    return int(any(each.verdict is Verdict.FAILED for each in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
