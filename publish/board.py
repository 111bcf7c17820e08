"""What every renderer is given: the protected tables of one quarter and what a reader must know about them.

Nothing unprotected is in a ``Board``: CSV, Parquet, workbook and page are made from it and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from publish.dictionary import COLUMNS, TABLES, THEMES, Column, Published

Row = dict[str, Any]

SAMPLE_MARK = "SAMPLE"
SAMPLE_SENTENCE = "Every person, supplier, case and figure here is invented."

STATUS_WORDS = {
    "MET": "Target met",
    "MISSED": "Target missed",
    "NOT_DUE": "Not due before the year ends",
    "NO_TARGET": "No target",
    "NOT_COMPARABLE": "Not comparable",
}

STATE_WORDS = {
    "MEASURED": ("Measured", "counted from the extracts that arrived by the cut-off."),
    "MEASURED_ZERO": ("Measured zero", "the extracts arrived and hold no such record; it is a finding, not a gap."),
    "PROVISIONAL_UNCATEGORISED": (
        "Provisional",
        "some cases have no category yet, so the figure can still rise; it is not a claim of zero.",
    ),
    "ESTIMATED": ("Estimated", "computed with an assumption that its definition names."),
    "DECLARED": ("Declared", "stated by a responsible person and not computed from records."),
    "NOT_MEASURED": ("Not measured", "no extract says it for this quarter; nothing is filled in."),
    "AS_FIRST_PUBLISHED": (
        "As first published",
        "a part of a total that a release has printed before; later corrections stand in the totals and in the quarter "
        "in which they were registered.",
    ),
    "SUPPRESSED": ("Withheld", "too few persons to print without a risk that one is recognized."),
}

PERIMETER_WORDS = {
    "corp": "parent company",
    "jp": "parent and Japan group",
    "grp": "consolidated group",
    "emea": "Europe, Middle East, Africa",
    "au": "Australia",
}

ACRONYMS = frozenset({"AI", "HR", "JP", "HRH", "EMEA", "APAC", "NGO", "WPA", "SAQ", "CCC", "ESG", "OHS", "MSA"})

LAST_IN_ORDER = ("perimeter", "basis", "dimension_value", "entity_code", "valid_from")

BASIS_WORDS = {
    "qtr": "in the quarter",
    "ytd": "since 1 April",
    "asof": "on the last day",
    "t12m": "trailing twelve months",
}


@dataclass(frozen=True)
class Table:
    """One protected table: what it is, the columns it is published with, and its rows in their printed order."""

    published: Published
    columns: tuple[Column, ...]
    rows: list[Row]


@dataclass(frozen=True)
class Note:
    """One note under the figures: a heading, a sentence or two, and what it lists."""

    heading: str
    text: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Board:
    """Everything that a reader of one quarter will see. Instants are in UTC; ``timezone`` is where they are shown."""

    company: str
    is_sample: bool
    quarter: str
    build_id: str
    cutoff_at: datetime
    standard_cutoff_at: datetime
    timezone: str
    prepared_by: str
    deliveries: list[Mapping[str, Any]]
    withhold_below: int
    withheld_cells: int
    first_published: str | None  # the release that first printed the parts of this year's hotline figures
    tables: dict[str, Table]

    @cached_property
    def metrics(self) -> dict[str, Row]:
        """The definition of each metric, by its id."""
        return {row["metric_id"]: row for row in self.tables["dim_metric"].rows}

    @property
    def is_late(self) -> bool:
        """Whether a delivery of this quarter became known after the standard cut-off."""
        return self.cutoff_at > self.standard_cutoff_at

    def local(self, moment: datetime) -> str:
        """A moment as readers write it, in the company's time zone."""
        there = moment.astimezone(ZoneInfo(self.timezone))
        return f"{there.day} {there:%B %Y, %H:%M} {self.timezone}"

    def history(self, metric_id: str) -> list[Row]:
        """The headline figure of one metric, quarter by quarter."""
        return [row for row in self.tables["trend"].rows if row["metric_id"] == metric_id]

    def theme_rows(self, theme: str, metric_id: str) -> list[Row]:
        """What a theme's table holds of one metric: other perimeters and one-way breakdowns, totals first."""
        return [row for row in self.tables[theme].rows if row["metric_id"] == metric_id]


def in_reading_order(tables: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """The same rows, ordered: by theme, then as the theme orders its metrics, totals before their parts."""
    place: dict[str, tuple[int, int]] = {}
    themes = list(THEMES)
    for theme in themes:
        for row in tables[theme]:
            here = (themes.index(theme), row["theme_order"] if row["theme_order"] is not None else len(tables[theme]))
            place[row["metric_id"]] = min(here, place.get(row["metric_id"], here))
    nowhere = (len(themes), 0)

    def key(row: Row) -> tuple[Any, ...]:
        metric = row.get("metric_id")
        return (
            place.get(metric, nowhere) if metric else nowhere,
            str(metric or ""),
            str(row.get("fiscal_quarter") or ""),
            row.get("dimension", "total") != "total",
            str(row.get("dimension") or ""),
            *(
                str(row.get(column) or "")
                for column in ("perimeter", "basis", "dimension_value", "rule", "entity_code", "valid_from")
            ),
        )

    return {name: sorted(rows, key=key) for name, rows in tables.items()}


def tables_of(rows: Mapping[str, list[Row]]) -> dict[str, Table]:
    """Published tables from protected rows, with the columns that the dictionary lists."""
    return {
        name: Table(published, tuple(COLUMNS[column] for column in published.columns), rows[name])
        for name, published in TABLES.items()
    }


def notes(board: Board) -> list[Note]:
    """What must be said beside the figures. The page and the workbook print these very words."""
    return [_withheld_note(board), _cutoff_note(board), _manifest_note(board), _state_note(board)]


def _withheld_note(board: Board) -> Note:
    below = board.withhold_below
    rule = (
        f"A count of persons or of cases below {below} is not printed in any cell finer than a total, and zeros are "
        "not either: whoever reads `withheld` cannot know whether anybody reported. Other cells go with it where a "
        "subtraction, an earlier quarter or an earlier release would give it back; both look the same. A rate goes "
        "with its count. Totals and the declared claims are always printed. Parts of the hotline's figures are given "
        "once a year. "
    )
    if board.first_published:
        rule += f"They are printed here as release {board.first_published} printed them first. "
    if not board.withheld_cells:
        return Note("What was withheld", rule + "In this quarter no cell had to be withheld.")
    counts: dict[tuple[str, str], int] = {}
    for theme in THEMES:
        for row in board.tables[theme].rows:
            if row["value_state"] == "SUPPRESSED" and row["dimension"] != "total":
                named = (row["title"], row["dimension"])
                counts[named] = counts.get(named, 0) + 1
    cells = "1 cell is" if board.withheld_cells == 1 else f"{board.withheld_cells} cells are"
    return Note(
        "What was withheld",
        rule + f"In this release {cells} withheld.",
        tuple(f"{title}, by {words(dimension).lower()}: {number}" for (title, dimension), number in counts.items()),
    )


def _cutoff_note(board: Board) -> Note:
    late = [delivery for delivery in board.deliveries if delivery.get("is_late")]
    text = f"The figures hold what was known by {board.local(board.cutoff_at)}. "
    if not late:
        return Note("Cut-off and late deliveries", text + "No delivery came late.")
    text += f"The standard cut-off was {board.local(board.standard_cutoff_at)}; these deliveries came after it:"
    return Note("Cut-off and late deliveries", text, tuple(map(_named, late)))


def _manifest_note(board: Board) -> Note:
    bare = [delivery for delivery in board.deliveries if not delivery.get("has_manifest")]
    text = (
        "A sender's manifest states how many records an extract holds and its checksum. Without one, a file that was "
        "cut short on its way can look whole. "
    )
    if not bare:
        return Note("Extracts without a manifest", text + "Every extract behind these figures came with its manifest.")
    return Note("Extracts without a manifest", text + "These extracts came without:", tuple(map(_named, bare)))


def _state_note(board: Board) -> Note:
    return Note(
        "How far a value can be relied on",
        "Each value carries a state:",
        tuple(f"{word}: {meaning}" for word, meaning in STATE_WORDS.values()),
    )


def _named(delivery: Mapping[str, Any]) -> str:
    extract_id = str(delivery["extract_id"])
    return (
        f"{delivery['family']}/{delivery['extract']} as of {delivery['as_of_date']}, "
        f"known {delivery['known_at']}, {extract_id[:12]}"
    )


def words(code: str) -> str:
    """A code of the data as readers write it: POWER_HARASSMENT is Power harassment, country_iso2 is Country."""
    if len(code) <= 2:
        return code
    text = " ".join(part if part in ACRONYMS else part.lower() for part in code.split("_") if part != "iso2")
    return text[:1].upper() + text[1:]
