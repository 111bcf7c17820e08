"""The page: one HTML file that needs nothing else, no network and no script. Every text in it is escaped.

The templates and their style lie in ``pages/``, and the portal prints from the same ones. The style's hash is the only
thing that a page's security policy allows, so even a text that slipped through would not load or run anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from publish.board import ENGLISH, NOT_GIVEN, Board, Row, notes
from publish.cells import COMPANY, TOTAL
from publish.dictionary import THEMES
from publish.tables import number_text
from publish.wording import Words, words_in

PAGES = Path(__file__).resolve().parent / "pages"
NAMES = {"en": "index.html", "ja": "index.ja.html"}
QUARTERS_DRAWN = 8
TEXT_HEIGHT = 11  # of the text above a bar, in a chart's coordinates
QUARTERS_IN_A_LINE = 12
SURE_STATES = frozenset({"MEASURED", "MEASURED_ZERO"})
# What a reader downloads first, with the words for it and its language where there are two; tables come after.
MAIN_FILES = {
    "board_figures.xlsx": ("workbook", None),
    "board_pack.pdf": ("pack", "en"),
    "board_pack.ja.pdf": ("pack", "ja"),
    "index.html": ("page", "en"),
    "index.ja.html": ("page", "ja"),
    "dictionary.csv": ("dictionary", None),
    "datapackage.json": ("package", None),
}


@dataclass(frozen=True)
class Bar:
    """One quarter of a chart, in the chart's own coordinates; ``row`` is the figure it stands for."""

    x: float
    y: float
    height: float
    middle: float
    above: float
    text: str
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
class Line:
    """A figure over the quarters as a small line; a quarter without a value interrupts it."""

    points: tuple[tuple[float, float], ...]
    runs: tuple[str, ...]
    target_y: float | None
    label: str
    width: int = 120
    height: int = 30


@dataclass(frozen=True)
class Section:
    """One table of a metric: its totals by perimeter, or one breakdown of one perimeter; each part with its name."""

    name: str
    anchor: str
    first_column: str
    parts: list[tuple[str, Row]]

    @property
    def has_counts(self) -> bool:
        """Whether any part is a share, printed with what it is a share of."""
        return any(row["denominator"] is not None for _, row in self.parts)


@dataclass(frozen=True)
class Grid:
    """A figure by company and quarter: the newest quarters as columns, and in each row one cell a quarter."""

    name: str
    anchor: str
    quarters: list[str]
    lines: list[tuple[str, list[Row | None]]]


@dataclass(frozen=True)
class Neighbor:
    """A figure under one other rule: as it reads, how far it is from the headline, and whom the headline leaves out."""

    row: Row
    shown: str
    difference: str
    left_out: str


def render(board: Board, paths: Iterable[str], words: Words = ENGLISH) -> bytes:
    """The page's bytes. ``paths`` are the files beside it."""
    there = {*paths, *NAMES.values()}
    return render_as("release.html", context(board, words, there), whole=True).encode()


def render_as(template: str, given: dict[str, Any], folders: tuple[Path, ...] = (), **more: Any) -> str:
    """A page by its template's name, from this folder or from others."""
    return environment(folders).get_template(template).render(given | more)


def context(board: Board, words: Words, paths: Iterable[str], root: str = "") -> dict[str, Any]:
    """Everything that the templates of a release may say of it; ``root`` is the way to the release's own folder."""
    there = set(paths)
    return frame(words, is_sample=board.is_sample, other_language=NAMES[words("language.other_code")]) | {
        "board": board,
        "root": root,
        "whole": False,
        "live": False,
        "all_notes": notes(board, words),
        "themes": {
            theme: [row for row in board.tables["headline"].rows if board.metrics[row["metric_id"]]["theme"] == theme]
            for theme in THEMES
        },
        "targets": board.against_target,
        "sure_states": SURE_STATES,
        "not_given": NOT_GIVEN,
        "chart": lambda row: chart(board, row, words),
        "trend": lambda row: trend(board, row, words),
        "sections": lambda row: sections(board, row, words),
        "part_name": lambda part: part_name(board, part, words),
        "by_company": lambda row: by_company(board, row, words),
        "every_theme": {theme: rows for theme in THEMES if (rows := board.of_theme(theme))},
        "neighbors": lambda row: neighbors(board, row, words),
        "withheld": lambda row: sum(metric_id == row["metric_id"] for metric_id, *_ in board.withheld),
        "lead": lead(board, words),
        "target": lambda row: target_text(board, row, words),
        "data": lambda value, shown=None, part="value": data(
            value, readable(value, words) if shown is None else shown, part
        ),
        "cell": cell,
        "english": lambda text: Markup('<span lang="en">{}</span>').format(text),
        "markup": Markup,
        "figure_link": lambda row: f"#{row['metric_id']}",
        "theme_link": None,
        "notes_link": "#notes",
        "main_files": [
            {
                "path": path,
                "title": words(f"file.{word}"),
                "about": words(f"file.{word}_about"),
                "tongue": language and words_in(language)("language.name"),
                "language": language,
            }
            for path, (word, language) in MAIN_FILES.items()
            if path in there
        ],
        "table_files": [
            {
                "name": name,
                "title": table.published.title,
                "grain": table.published.grain.removeprefix("One row per ").rstrip("."),
                "paths": [
                    (kind.upper() if kind != "parquet" else "Parquet", f"tables/{name}.{kind}")
                    for kind in ("csv", "parquet", "json")
                    if f"tables/{name}.{kind}" in there
                ],
            }
            for name, table in board.tables.items()
        ],
    }


def frame(words: Words, *, is_sample: bool, other_language: str) -> dict[str, Any]:
    """What every page needs, whatever it speaks of."""
    return {
        "words": words,
        "style": Markup(style()),
        "style_hash": style_hash(),
        "is_sample": is_sample,
        "other_language": other_language,
    }


@cache
def style() -> str:
    """The style of every page."""
    return (PAGES / "page.css").read_text(encoding="utf-8")


@cache
def style_hash() -> str:
    """The style's SHA-256 as a security policy names it."""
    return base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()


@cache
def environment(folders: tuple[Path, ...] = ()) -> Environment:
    """The templates of this folder, and of others that build on them."""
    return Environment(
        loader=FileSystemLoader([*folders, PAGES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


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


def data(value: float | None, shown: str, part: str) -> Markup:
    """A number as ``<data>``: what a reader sees, and the exact number that the tables hold in the column ``part``."""
    if value is None:
        return Markup("")
    return Markup('<data data-is="{}" value="{}">{}</data>').format(part, number_text(value), shown)


def readable(value: float | None, words: Words = ENGLISH) -> str:
    """A count as readers write it: 1,200; amounts of a billion and more in billions."""
    if value is None:
        return ""
    if abs(value) >= 1e9:
        return words("number.text", f"{value / float(words('number.large')):,.1f}")
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def bar_text(row: Row, words: Words = ENGLISH) -> str:
    """What stands above a bar: the figure without its unit, or a dash where there is none."""
    if row["value"] is None:
        return "\u2013"
    return readable(row["value"], words) if row["unit"] not in ("%", "pp") else f"{row['value']:.1f}"


def lead(board: Board, words: Words = ENGLISH) -> str:
    """The first sentence of the page: how the figures stand against their targets."""
    rows = board.tables["headline"].rows
    states = [row["target_status"] for row in board.against_target]
    said = [words("lead.met", n=states.count("MET")), words("lead.missed", n=states.count("MISSED"))]
    for state in ("not_due", "not_comparable"):
        if count := states.count(state.upper()):
            said.append(words(f"lead.{state}", n=count))
    unsure = sum(row["value_state"] not in SURE_STATES for row in rows)
    text = words("lead.of_those", n=len(rows), list=words.together(said))
    return f"{text} {words('lead.unsure', n=unsure)}" if unsure else text


def target_text(board: Board, row: Row, words: Words = ENGLISH) -> str:
    """A target in words: at least 90 %."""
    if row["target_value"] is None:
        return ""
    return words(f"target.{board.metrics[row['metric_id']]['target_direction']}", with_unit(row["target_value"], row))


def with_unit(value: float, row: Row) -> str:
    """A target's or a difference's number with its unit, unrounded where it is short."""
    unit = f"\u00a0{row['unit']}" if row["unit"] in ("%", "pp") else ""
    return f"{value:,.10g}{unit}"


def sections(board: Board, row: Row, words: Words = ENGLISH) -> list[Section]:
    """What the theme's table holds of a metric beside its headline: totals by perimeter, then each breakdown."""
    totals: list[tuple[str, Row]] = []
    breakdowns: dict[tuple[str, str, str], list[tuple[str, Row]]] = {}
    places = list(words.section("perimeter"))
    for part in sorted(_parts(board, row), key=lambda part: _place(places, part["perimeter"])):
        where = f"{words.word('perimeter', part['perimeter'])}, {words.word('basis', part['basis'])}"
        dimension, value = part["dimension"], part["dimension_value"]
        if dimension == TOTAL:
            totals.append((where[:1].upper() + where[1:], part))
        else:
            called = board.companies.get(value) if dimension == COMPANY else None
            anchor = f"{dimension}-{part['perimeter']}-{part['basis']}"
            breakdowns.setdefault((dimension, where, anchor), []).append((called or words.word("code", value), part))
    shown = [Section(words("figure.in_all"), "perimeter", words("figure.perimeter"), totals)]
    for (dimension, where, anchor), parts in breakdowns.items():
        name = words.word("dimension", dimension)
        heading = words("figure.by", dimension=name.lower(), perimeter=where)
        shown.append(Section(heading, anchor, name, parts))
    # A table of one row says what the headline, or the total of its perimeter, says already.
    return [section for section in shown if len(section.parts) > 1]


def part_name(board: Board, part: Row, words: Words = ENGLISH) -> str:
    """What a row of a theme speaks of: its perimeter and basis, and the part where it is one."""
    where = f"{words.word('perimeter', part['perimeter'])}, {words.word('basis', part['basis'])}"
    if part["dimension"] == TOTAL:
        return where
    called = board.companies.get(part["dimension_value"]) if part["dimension"] == COMPANY else None
    called = called or words.word("code", part["dimension_value"])
    return words("figure.part", dimension=words.word("dimension", part["dimension"]), part=called, where=where)


def by_company(board: Board, row: Row, words: Words = ENGLISH) -> Grid | None:
    """The figure by company over the newest quarters; nothing where fewer than two quarters are told by company."""
    told = board.by_company(row["metric_id"])
    cells = {
        (part["dimension_value"], part["fiscal_quarter"]): part
        for part in told
        if part["perimeter"] == told[0]["perimeter"]
    }
    # The newest first: on a narrow screen it is the one that is seen.
    quarters = sorted({quarter for _, quarter in cells}, reverse=True)[:QUARTERS_DRAWN]
    if len(quarters) < 2:
        return None
    codes = sorted({code for code, quarter in cells if quarter in quarters})
    lines = [
        (board.companies.get(code) or words.word("code", code), [cells.get((code, quarter)) for quarter in quarters])
        for code in codes
    ]
    where = f"{words.word('perimeter', told[0]['perimeter'])}, {words.word('basis', told[0]['basis'])}"
    return Grid(words("figure.by_company", perimeter=where), "companies-by-quarter", quarters, lines)


def neighbors(board: Board, row: Row, words: Words = ENGLISH) -> dict[str, Any]:
    """The headline figure under other rules: each with its distance, and the range in which they all lie."""
    found = []
    near = [other for other in board.tables["neighbors"].rows if other["metric_id"] == row["metric_id"]]
    for other in near:
        apart = other["value"] - other["headline_value"]
        more = (other["denominator"] or 0) - (row["denominator"] or 0)
        unit = "\u00a0pp" if row["unit"] in ("%", "pp") else ""
        difference = f"{apart:+,.1f}{unit}" if unit or not float(apart).is_integer() else f"{apart:+,.0f}"
        found.append(Neighbor(other, _like(other["value"], row), difference, readable(more, words) if more > 0 else ""))
    low, high = (_like(near[0][end], row) if near else "" for end in ("low_value", "high_value"))
    return {"rows": found, "low": low, "high": high}


def _like(value: float, row: Row) -> str:
    unit = f"\u00a0{row['unit']}" if row["unit"] in ("%", "pp") else ""
    return f"{value:,.1f}{unit}" if unit or not float(value).is_integer() else f"{value:,.0f}"


def _parts(board: Board, row: Row) -> list[Row]:
    return board.theme_rows(board.metrics[row["metric_id"]]["theme"], row["metric_id"])


def _place(places: list[str], perimeter: str) -> int:
    return places.index(perimeter) if perimeter in places else len(places)


def _scale(rows: list[Row], goal: float | None, *, from_zero: bool) -> tuple[float, float]:
    known = [row["value"] for row in rows if row["value"] is not None] + ([goal] if goal is not None else [])
    if from_zero:
        known.append(0.0)
    top, bottom = max(known, default=1.0), min(known, default=0.0)
    if from_zero and rows and rows[0]["unit"] == "%":
        top = max(top, 100.0)
    return (top, bottom) if top > bottom else (top + 1.0, bottom - (0.0 if from_zero else 1.0))


def _spoken(board: Board, row: Row, history: list[Row], words: Words) -> str:
    said = words("list.comma").join(f"{past['fiscal_quarter']} {words.shown(past)}" for past in history)
    goal = target_text(board, row, words)
    text = words("chart.says", title=words.title(row), list=said)
    return f"{text} {words('chart.target', goal)}" if goal else text


def chart(board: Board, row: Row, words: Words = ENGLISH) -> Chart:
    """The chart of one headline figure, of the newest quarters that the trend holds."""
    history = board.history(row["metric_id"])[-QUARTERS_DRAWN:]
    goal = row["target_value"]
    top, bottom = _scale(history, goal, from_zero=True)
    upper, lower, width = 16.0, 78.0, 300.0

    def y(value: float) -> float:
        return round(upper + (top - value) / (top - bottom) * (lower - upper), 2)

    slot = width / max(len(history), 4)
    bar_width = round(slot * 0.68, 2)
    bars = []
    for place, past in enumerate(history):
        value = past["value"]
        at = y(value) if value is not None else y(0)
        x, start = round(place * slot + slot * 0.16, 2), min(at, y(0))
        bars.append(
            Bar(
                x=x,
                y=start,
                height=round(max(abs(at - y(0)), 1.5 if value is not None else 0), 2),
                middle=round(x + bar_width / 2, 2),
                above=_clear_of(y(goal) if goal is not None else None, round(start - 4, 2)),
                text=bar_text(past, words),
                row=past,
                is_last=past["fiscal_quarter"] == board.quarter,
            )
        )
    return Chart(
        bars=tuple(bars),
        bar_width=bar_width,
        baseline=y(0),
        target_y=y(goal) if goal is not None else None,
        target_text=target_text(board, row, words),
        label=_spoken(board, row, history, words),
    )


def _clear_of(line: float | None, above: float) -> float:
    """Where a bar's text stands, so that the line of the target runs below it and not through it."""
    if line is not None and above - TEXT_HEIGHT < line < above + 4:
        return round(line - 4, 2)
    return above


def trend(board: Board, row: Row, words: Words = ENGLISH) -> Line:
    """The line of one headline figure, of the newest quarters that the trend holds."""
    history = board.history(row["metric_id"])[-QUARTERS_IN_A_LINE:]
    goal = row["target_value"]
    top, bottom = _scale(history, goal, from_zero=False)
    step = 110.0 / max(len(history) - 1, 1)

    def y(value: float) -> float:
        return round(4 + (top - value) / (top - bottom) * 22, 2)

    runs: list[list[tuple[float, float]]] = [[]]
    for place, past in enumerate(history):
        if past["value"] is None:
            runs.append([])
        else:
            runs[-1].append((round(5 + place * step, 2), y(past["value"])))
    return Line(
        points=tuple(point for run in runs for point in run),
        runs=tuple(" ".join(f"{x},{at}" for x, at in run) for run in runs if len(run) > 1),
        target_y=y(goal) if goal is not None else None,
        label=_spoken(board, row, history, words),
    )
