"""Draws the steps of a clock's arithmetic as an SVG: a bar of time, and a line for each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from services.escalation.core.clock.explanation import Step

WIDTH, MARGIN, BAR_TOP, BAR_HEIGHT, LINE = 760, 16, 40, 34, 20
COUNTED, CLOSED, PAUSED = "#2a7f4f", "#d7dade", "#e0a030"
INK = {COUNTED: COUNTED, CLOSED: "#666c74", PAUSED: "#9a6400"}


def draw(title: str, steps: Sequence[Step], note: str) -> str:
    """The picture of some steps; `note` says what the clock came to."""
    height = BAR_TOP + BAR_HEIGHT + 22 + LINE * (len(steps) + 1)
    body = [*_bar(steps), *_lines(steps, note)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="{MARGIN}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def colour(step: Step) -> str:
    """Green counts, amber is a pause, grey is closed."""
    if step.why.startswith("paused"):
        return PAUSED
    return CLOSED if step.counted in {"PT0S", "P0D"} else COUNTED


def _bar(steps: Sequence[Step]) -> Iterator[str]:
    whole = (steps[-1].end - steps[0].start).total_seconds()
    smallest = 18.0
    room = WIDTH - 2 * MARGIN - smallest * len(steps)
    x = float(MARGIN)
    for number, step in enumerate(steps, 1):
        width = smallest + room * (step.end - step.start).total_seconds() / whole
        ink = "#ffffff" if colour(step) == COUNTED else "#222222"
        yield (
            f'<rect x="{x:.1f}" y="{BAR_TOP}" width="{width:.1f}" height="{BAR_HEIGHT}" '
            f'fill="{colour(step)}" stroke="#ffffff"/>'
            f'<text x="{x + width / 2:.1f}" y="{BAR_TOP + 22}" text-anchor="middle" '
            f'fill="{ink}">{number}</text>'
        )
        x += width


def _lines(steps: Sequence[Step], note: str) -> Iterator[str]:
    y = BAR_TOP + BAR_HEIGHT + 24
    for number, step in enumerate(steps, 1):
        span = f"{step.start:%a %d %b %H:%M} – {step.end:%a %d %b %H:%M}"
        strong = f'fill="{INK[colour(step)]}" font-weight="bold"'
        yield (
            f'<text x="{MARGIN}" y="{y}">{number}</text>'
            f'<text x="{MARGIN + 26}" y="{y}">{span}</text>'
            f'<text x="310" y="{y}" {strong}>{step.counted}</text>'
            f'<text x="390" y="{y}">{escape(step.why)}</text>'
        )
        y += LINE
    yield f'<text x="{MARGIN}" y="{y}" font-weight="bold">{escape(note)}</text>'
