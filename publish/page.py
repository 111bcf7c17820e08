"""The page: one HTML file that needs nothing else, no network and no script. Every text in it is escaped.

The template and its style lie beside this module; the style's hash is the only thing that the page's security policy
allows, so even a text that slipped through would not load or run anything.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from publish.board import (
    BASIS_WORDS,
    PERIMETER_WORDS,
    SAMPLE_MARK,
    SAMPLE_SENTENCE,
    STATE_WORDS,
    STATUS_WORDS,
    Board,
    Row,
    notes,
    words,
)
from publish.dictionary import THEMES
from publish.disclosure import TOTAL
from publish.tables import number_text

HERE = Path(__file__).resolve().parent
QUARTERS_DRAWN = 8
SURE_STATES = frozenset({"MEASURED", "MEASURED_ZERO"})


@dataclass(frozen=True)
class Bar:
    """One quarter of a chart, in the chart's own coordinates; ``row`` is the figure it stands for."""

    x: float
    y: float
    height: float
    row: Row
    is_last: bool


@dataclass(frozen=True)
class Chart:
    """A figure over the quarters as bars from zero, with its target as a line. It says in words what it draws."""

    bars: tuple[Bar, ...]
    bar_width: float
    baseline: float
    target_y: float | None
    target_text: str
    label: str
    width: int = 300
    height: int = 96


@dataclass(frozen=True)
class Section:
    """One table of a metric: its totals by perimeter, or one breakdown of one perimeter; each part with its name."""

    name: str
    first_column: str
    parts: list[tuple[str, Row]]

    @property
    def has_counts(self) -> bool:
        """Whether any part is a share, printed with what it is a share of."""
        return any(row["denominator"] is not None for _, row in self.parts)


def render(board: Board) -> bytes:
    """The page's bytes."""
    template, style = _template()
    context = {
        "board": board,
        "notes": notes(board),
        "themes": {
            theme: [row for row in board.tables["headline"].rows if board.metrics[row["metric_id"]]["theme"] == theme]
            for theme in THEMES
        },
        "titles": THEMES,
        "style": Markup(style),
        "style_hash": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "targets": [row for row in board.tables["headline"].rows if row["target_status"] in ("MET", "MISSED")],
        "sample_mark": SAMPLE_MARK,
        "sample_sentence": SAMPLE_SENTENCE,
        "status_words": STATUS_WORDS,
        "state_words": STATE_WORDS,
        "perimeter_words": PERIMETER_WORDS,
        "basis_words": BASIS_WORDS,
        "sure_states": SURE_STATES,
        "chart": lambda row: chart(board, row),
        "sections": lambda theme, row: sections(board, theme, row),
        "data": data,
        "cell": cell,
        "data_text": bar_text,
        "lead": lead(board),
        "target": lambda row: target_text(board, row),
    }
    return template.render(context).encode()


def cell(row: Row) -> Markup:
    """Which cell a table row is about, as attributes: the page can then be searched like the other files."""
    named = {
        "figure": row["metric_id"],
        "perimeter": row["perimeter"],
        "basis": row["basis"],
        "quarter": row["fiscal_quarter"],
        "dimension": row.get("dimension") or TOTAL,
        "part": row.get("dimension_value") or "ALL",
    }
    return Markup(" ").join(Markup('data-{}="{}"').format(name, value) for name, value in named.items())


def data(value: float | None, shown: str | None = None) -> Markup:
    """A number as ``<data>``: what a reader sees, and beside it the exact value that the tables hold."""
    if value is None:
        return Markup("")
    return Markup('<data value="{}">{}</data>').format(number_text(value), readable(value) if shown is None else shown)


def readable(value: float) -> str:
    """A count as readers write it: 1,200; amounts of a billion and more in billions."""
    if abs(value) >= 1e9:
        return f"{value / 1e9:,.1f} bn"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def bar_text(row: Row) -> str:
    """What stands above a bar: the figure without its unit, or a dash where there is none."""
    if row["value"] is None:
        return "\u2013"
    return readable(row["value"]) if row["unit"] not in ("%", "pp") else f"{row['value']:.1f}"


def lead(board: Board) -> str:
    """The first sentence of the page: how the figures stand against their targets."""
    rows = board.tables["headline"].rows
    states = [row["target_status"] for row in rows]
    said = [f"{states.count('MET')} met", f"{states.count('MISSED')} missed"]
    said += [
        f"{states.count(state)} {word}"
        for state, word in (("NOT_DUE", "not due before the year ends"), ("NOT_COMPARABLE", "not comparable"))
        if state in states
    ]
    unsure = sum(row["value_state"] not in SURE_STATES for row in rows)
    text = f"{len(rows)} figures; of those with a target, {' and '.join((', '.join(said[:-1]), said[-1]))}."
    if unsure:
        text += f" {unsure} {'carries' if unsure == 1 else 'carry'} a reservation, stated beside the figure."
    return text


def target_text(board: Board, row: Row) -> str:
    """A target in words: at least 90 %."""
    if row["target_value"] is None:
        return ""
    direction = {"at_least": "at least ", "at_most": "at most "}
    sign = direction.get(board.metrics[row["metric_id"]]["target_direction"], "")
    unit = f"\u00a0{row['unit']}" if row["unit"] in ("%", "pp") else ""
    return f"{sign}{row['target_value']:,.10g}{unit}"


def sections(board: Board, theme: str, row: Row) -> list[Section]:
    """What the theme's table holds of a metric beside its headline: totals by perimeter, then each breakdown."""
    totals: list[tuple[str, Row]] = []
    breakdowns: dict[tuple[str, str], list[tuple[str, Row]]] = {}
    for part in sorted(board.theme_rows(theme, row["metric_id"]), key=lambda part: _place(part["perimeter"])):
        where = (
            f"{PERIMETER_WORDS.get(part['perimeter'], part['perimeter'])}, "
            f"{BASIS_WORDS.get(part['basis'], part['basis'])}"
        )
        if part["dimension"] == TOTAL:
            totals.append((where[:1].upper() + where[1:], part))
        else:
            breakdowns.setdefault((words(part["dimension"]), where), []).append((words(part["dimension_value"]), part))
    shown = [Section("In all", "Perimeter", totals)]
    shown += [Section(f"By {name.lower()}: {where}", name, parts) for (name, where), parts in breakdowns.items()]
    # A table of one row says what the headline, or the total of its perimeter, says already.
    return [section for section in shown if len(section.parts) > 1]


def _place(perimeter: str) -> int:
    known = list(PERIMETER_WORDS)
    return known.index(perimeter) if perimeter in known else len(known)


def chart(board: Board, row: Row) -> Chart:
    """The chart of one headline figure, of the newest quarters that the trend holds."""
    history = board.history(row["metric_id"])[-QUARTERS_DRAWN:]
    values = [past["value"] for past in history if past["value"] is not None]
    goal = row["target_value"]
    known = [*values, 0.0] + ([goal] if goal is not None else [])
    top, bottom = max(*known, 0.0), min(*known, 0.0)
    if row["unit"] == "%":
        top = max(top, 100.0)
    top = top if top > bottom else 1.0
    span = top - bottom
    upper, lower, width = 16.0, 78.0, 300.0

    def y(value: float) -> float:
        return round(upper + (top - value) / span * (lower - upper), 2)

    slot = width / max(len(history), 4)
    bars = []
    for place, past in enumerate(history):
        value = past["value"]
        at = y(value) if value is not None else y(0)
        bars.append(
            Bar(
                x=round(place * slot + slot * 0.16, 2),
                y=min(at, y(0)),
                height=round(max(abs(at - y(0)), 1.5 if value is not None else 0), 2),
                row=past,
                is_last=past["fiscal_quarter"] == board.quarter,
            )
        )
    spoken = ", ".join(f"{past['fiscal_quarter']} {past['display_value']}" for past in history)
    goal_text = target_text(board, row)
    return Chart(
        bars=tuple(bars),
        bar_width=round(slot * 0.68, 2),
        baseline=y(0),
        target_y=y(goal) if goal is not None else None,
        target_text=goal_text,
        label=f"{row['title']}: {spoken}." + (f" Target {goal_text}." if goal_text else ""),
    )


@cache
def _template() -> tuple[Template, str]:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html"), (HERE / "page.css").read_text(encoding="utf-8")
