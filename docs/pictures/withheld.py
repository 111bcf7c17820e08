"""Draws withheld.svg: why a second count goes with a small one, and what a reader can then still work out.

The counts are invented. What a reader can work out is not drawn by hand: the attacker's own solver says it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from expectations.intervals import Printed, System

FILE = Path(__file__).with_suffix(".svg")
CASES = {"North": 6, "South": 2, "East": 7}
THRESHOLD = 5
INK, PALE, LINE, GOOD, BAD = "#1C1F23", "#F3F1EA", "#C9C4B5", "#14535A", "#9B2C1F"
WIDTH, HEIGHT, PANEL, STEP, UNIT = 960, 400, 300, 30, 20
HEADING = "Fifteen cases in three regions. A count below 5 must not be printed."
PANELS = (
    ("1  What happened", set(), "Nobody outside the office sees this."),
    ("2  Only the small count is hidden", {"South"}, "15 \u2212 6 \u2212 7 = 2: everybody can work it out."),
    ("3  What is printed", {"South", "North"}, "15 \u2212 7 = 8, shared by two: nobody knows how."),
)


def bounds(hidden: set[str]) -> dict[str, tuple[int, int]]:
    """The smallest and the largest count that a reader of the rest must think possible, for each hidden region."""
    known = [Printed(np.arange(len(CASES)), sum(CASES.values()), sum(CASES.values()))]
    known += [Printed(np.array([at]), CASES[name], CASES[name]) for at, name in enumerate(CASES) if name not in hidden]
    system = System(len(CASES), known)
    found = {name: system.bounds(np.array([at])) for at, name in enumerate(CASES) if name in hidden}
    return {name: (lowest, highest if highest is not None else lowest) for name, (lowest, highest) in found.items()}


def svg() -> str:
    """The picture's text."""
    parts = [text(20, 34, HEADING, 18, weight="bold")]
    for place, (title, hidden, words) in enumerate(PANELS):
        parts += panel(20 + place * (PANEL + 10), title, hidden, words)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title">\n'
        f'<title id="title">{HEADING} With South alone hidden, a subtraction gives it back. With North hidden too, '
        f"each of the two may be anything from 0 to 8.</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#FFFFFF"/>\n{body}\n</svg>\n'
    )


def panel(left: int, title: str, hidden: set[str], words: str) -> list[str]:
    """One table, the sentence below it, and a bar for what each hidden count may be."""
    parts = [f'<rect x="{left}" y="54" width="{PANEL}" height="{HEIGHT - 70}" rx="6" fill="{PALE}"/>']
    parts.append(text(left + 14, 82, title, 16, weight="bold", color=GOOD))
    for row, (name, count) in enumerate([*CASES.items(), ("Total", sum(CASES.values()))]):
        y = 116 + row * STEP
        parts.append(f'<line x1="{left + 14}" x2="{left + PANEL - 14}" y1="{y + 9}" y2="{y + 9}" stroke="{LINE}"/>')
        weight = "bold" if name == "Total" else "normal"
        shown = "withheld" if name in hidden else str(count)
        color = BAD if not hidden and count < THRESHOLD else INK
        parts.append(text(left + 18, y, name, 15, weight=weight))
        parts.append(text(left + PANEL - 18, y, shown, 15, anchor="end", weight=weight, color=color))
    parts.append(text(left + 14, 258, words, 13))
    if len(hidden) > 1:
        parts.append(text(left + 14, 374, "Dashed: 5. Each may be nobody, or five and more.", 13))
    for row, (name, (lowest, highest)) in enumerate(bounds(hidden).items()):
        parts += bar(left + 70, 284 + row * 36, name, lowest, highest)
    return parts


def bar(left: int, top: int, name: str, lowest: int, highest: int) -> list[str]:
    """What a hidden count may be, on a scale from 0 to 9, with the threshold as a dashed line."""
    is_known = lowest == highest
    said = f"{name} is {lowest}" if is_known else f"{name}: {lowest} to {highest}"
    color, width = (BAD, UNIT) if is_known else (GOOD, (highest - lowest + 1) * UNIT)
    middle = left + lowest * UNIT + width / 2
    return [
        f'<rect x="{left}" y="{top}" width="{9 * UNIT}" height="26" fill="#FFFFFF" stroke="{LINE}"/>',
        f'<rect x="{left + lowest * UNIT}" y="{top}" width="{width}" height="26" fill="{color}"/>',
        f'<line x1="{left + THRESHOLD * UNIT}" x2="{left + THRESHOLD * UNIT}" y1="{top - 4}" y2="{top + 30}" '
        f'stroke="{INK}" stroke-dasharray="3 3"/>',
        text(left - 8, top + 18, name if is_known else "", 13, anchor="end"),
        text(int(middle), top + 18, f"{lowest}" if is_known else said, 13, anchor="middle", color="#FFFFFF"),
    ]


def text(
    x: int, y: int, words: str, size: int, *, anchor: str = "start", weight: str = "normal", color: str = INK
) -> str:
    """One line of words."""
    return (
        f'<text x="{x}" y="{y}" font-family="sans-serif" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="{color}">{words}</text>'
    )


if __name__ == "__main__":
    FILE.write_text(svg(), encoding="utf-8")
