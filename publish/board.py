"""What every renderer is given: the protected tables of one quarter and what a reader must know about them.

Nothing unprotected is in a ``Board``: CSV, Parquet, workbook and page are made from it and from nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from publish.cells import COMPANY, TOTAL
from publish.dictionary import CELL, COLUMNS, TABLES, THEMES, Column, Published
from publish.disclosure import withheld
from publish.exclusions import TABLE as EXCLUSIONS
from publish.programme import programme
from publish.wording import Words, words_in

if TYPE_CHECKING:
    from publish.diff import Revision

Row = dict[str, Any]

NOT_GIVEN = "NOT_GIVEN"

ENGLISH = words_in("en")
SAMPLE_MARK, SAMPLE_SENTENCE = ENGLISH("sample.mark"), ENGLISH("sample.sentence")
STATUS_WORDS = ENGLISH.section("status")
STATE_WORDS = {state: (word, ENGLISH(f"meaning.{state}")) for state, word in ENGLISH.section("state").items()}
PERIMETER_WORDS = ENGLISH.section("perimeter")
BASIS_WORDS = ENGLISH.section("basis")


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
    first_published: str | None  # the release that first printed the parts of this year's hotline figures
    tables: dict[str, Table]
    revision: Revision | None = None  # what it changes of the release before it, from the second revision on
    frameworks: list[Row] = field(default_factory=list)  # which passage of which framework each metric serves

    @cached_property
    def withheld(self) -> list[tuple[str, ...]]:
        """The distinct withheld cells of the release, each once however many tables it stands in."""
        # A reason for which a figure leaves something out is no cell of the figure.
        return withheld({name: table.rows for name, table in self.tables.items() if name != EXCLUSIONS})

    @property
    def withheld_cells(self) -> int:
        """How many they are: the one number that every renderer prints."""
        return len(self.withheld)

    @cached_property
    def metrics(self) -> dict[str, Row]:
        """The definition of each metric, by its id."""
        return {row["metric_id"]: row for row in self.tables["dim_metric"].rows}

    @property
    def published(self) -> dict[str, Table]:
        """Every table that becomes a file, by name: the figures, and what a revision changes of them."""
        return self.tables | ({self.revision.table.published.name: self.revision.table} if self.revision else {})

    @property
    def is_late(self) -> bool:
        """Whether a delivery of this quarter became known after the standard cut-off."""
        return self.cutoff_at > self.standard_cutoff_at

    def local(self, moment: datetime, words: Words = ENGLISH) -> str:
        """A moment as readers write it, in the company's time zone."""
        return words.moment(moment, self.timezone)

    @cached_property
    def _histories(self) -> dict[str, list[Row]]:
        return _by_metric(self.tables["trend"].rows)

    def history(self, metric_id: str) -> list[Row]:
        """The figure of one metric in its headline perimeter, quarter by quarter."""
        return self._histories.get(metric_id, [])

    @cached_property
    def _by_company(self) -> dict[str, list[Row]]:
        return _by_metric([row for row in self.tables["metric_values"].rows if row["dimension"] == COMPANY])

    def by_company(self, metric_id: str) -> list[Row]:
        """What the release says of one metric by company, every quarter of it, with what a printed row needs."""
        metric = self.metrics[metric_id]
        said = {name: metric[name] for name in ("title", "unit")}
        return [
            {**row, **said, "display_value": _printed(row, metric)}
            for row in self._by_company.get(metric_id, [])
            if row["basis"] == metric["basis"]
        ]

    @cached_property
    def companies(self) -> dict[str, str]:
        """The name of each company by its code, as it is called now."""
        return {entity["entity_code"]: entity["name"] for entity in self.tables["dim_entity"].rows}

    def figure(self, metric_id: str) -> Row:
        """The one figure that stands for a metric in the release's quarter; one without a value if it is not given."""
        metric = self.metrics[metric_id]
        where = (metric["headline_perimeter"], metric["basis"], "total")
        for row in self.theme_rows(metric["theme"], metric_id):
            if (row["perimeter"], row["basis"], row["dimension"]) == where:
                return row
        return {
            **dict.fromkeys(COLUMNS),
            **{name: metric[name] for name in ("metric_id", "title", "unit", "basis")},
            "perimeter": metric["headline_perimeter"],
            "fiscal_quarter": self.quarter,
            "display_value": "not given",
            "target_status": "NO_TARGET" if metric["target_direction"] == "none" else "NOT_COMPARABLE",
            "value_state": NOT_GIVEN,
            "dimension": "total",
            "dimension_value": "ALL",
        }

    @property
    def against_target(self) -> list[Row]:
        """The headline figures that have a target, also where they cannot be compared with it: all that is counted."""
        return [row for row in self.tables["headline"].rows if row["target_status"] != "NO_TARGET"]

    @staticmethod
    def why_not_given(metric_id: str) -> str:
        """Why a release has no figure of a metric: what the programme of tables says of it, or that it is too near to
        another figure."""
        plan = programme()
        if metric_id in plan.never:
            return "never"
        return "yearly" if metric_id in plan.yearly else "near"

    def of_theme(self, theme: str) -> list[Row]:
        """The figure of every metric of a theme, in its reading order."""
        return [self.figure(metric_id) for metric_id, metric in self.metrics.items() if metric["theme"] == theme]

    @cached_property
    def _themes(self) -> dict[str, dict[str, list[Row]]]:
        return {theme: _by_metric(self.tables[theme].rows) for theme in THEMES}

    def exclusions(self, metric_id: str) -> list[Row]:
        """What a metric's figure leaves out: a reason and how many, which is empty where it is withheld."""
        return [row for row in self.tables["exclusions"].rows if row["metric_id"] == metric_id]

    def theme_rows(self, theme: str, metric_id: str) -> list[Row]:
        """What a theme's table holds of one metric: other perimeters and one-way breakdowns, totals first."""
        return self._themes[theme].get(metric_id, [])


def _by_metric(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["metric_id"], []).append(row)
    return found


def _printed(row: Row, metric: Row) -> str:
    if row["value_state"] == "SUPPRESSED":
        return "withheld"
    if row["value"] is None:
        return "not measured"
    unit = f" {metric['unit']}" if metric["unit"] in ("%", "pp") else ""
    return f"{row['value']:,.{metric['decimals'] or 0}f}{unit}"


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
                for column in ("perimeter", "basis", "dimension_value", "rule", "reason", "entity_code", "valid_from")
            ),
        )

    return {name: sorted(rows, key=key) for name, rows in tables.items()}


def tables_of(rows: Mapping[str, list[Row]]) -> dict[str, Table]:
    """Published tables from protected rows, with the columns that the dictionary lists."""
    return {
        name: Table(published, tuple(COLUMNS[column] for column in published.columns), rows[name])
        for name, published in TABLES.items()
    }


def notes(board: Board, words: Words = ENGLISH) -> list[Note]:
    """What must be said beside the figures. The page, the board pack and the workbook print these very words."""
    changed = [_revision_note(board.revision, words)] if board.revision else []
    return [
        *changed,
        _withheld_note(board, words),
        _cutoff_note(board, words),
        _manifest_note(board, words),
        _state_note(words),
    ]


def _revision_note(revision: Revision, words: Words) -> Note:
    return Note(
        words("revision.heading"),
        revision.notice(words),
        tuple(
            words(
                "revision.became_material" if row["is_material"] else "revision.became",
                title=words.title(row),
                quarter=row["fiscal_quarter"],
                old=row["old_display"] or words("revision.nothing"),
                new=row["new_display"] or words("revision.nothing"),
            )
            for row in revision.headline
        ),
    )


def _withheld_note(board: Board, words: Words) -> Note:
    parts = [words("withheld.rule", below=board.withhold_below)]
    if board.first_published:
        parts.append(words("withheld.first_published", release=board.first_published))
    if not board.withheld_cells:
        return Note(words("withheld.heading"), " ".join([*parts, words("withheld.none")]))
    order = list(board.metrics)
    counts = Counter(
        (cell["metric_id"], cell["dimension"])
        for cell in (dict(zip(CELL, named, strict=True)) for named in board.withheld)
    )
    parts.append(words("withheld.some", n=board.withheld_cells))
    return Note(
        words("withheld.heading"),
        " ".join(parts),
        tuple(
            words("withheld.total", title=words.title(board.metrics[metric_id]), n=number)
            if dimension == TOTAL
            else words(
                "withheld.item",
                title=words.title(board.metrics[metric_id]),
                dimension=words.word("dimension", dimension).lower(),
                n=number,
            )
            for (metric_id, dimension), number in sorted(
                counts.items(), key=lambda counted: (order.index(counted[0][0]), counted[0][1] != TOTAL, counted[0][1])
            )
        ),
    )


def _cutoff_note(board: Board, words: Words) -> Note:
    late = [delivery for delivery in board.deliveries if delivery.get("is_late")]
    text = words("cutoff.text", moment=board.local(board.cutoff_at, words)) + " "
    if not late:
        return Note(words("cutoff.heading"), text + words("cutoff.none"))
    text += words("cutoff.late", moment=board.local(board.standard_cutoff_at, words))
    return Note(words("cutoff.heading"), text, tuple(_named(delivery, words) for delivery in late))


def _manifest_note(board: Board, words: Words) -> Note:
    bare = [delivery for delivery in board.deliveries if not delivery.get("has_manifest")]
    text = words("manifest.text") + " "
    if not bare:
        return Note(words("manifest.heading"), text + words("manifest.none"))
    text += words("manifest.some")
    return Note(words("manifest.heading"), text, tuple(_named(delivery, words) for delivery in bare))


def _state_note(words: Words) -> Note:
    return Note(
        words("reliance.heading"),
        words("reliance.text"),
        tuple(
            words("reliance.item", word=word, meaning=words(f"meaning.{state}"))
            for state, word in words.section("state").items()
        ),
    )


def _named(delivery: Mapping[str, Any], words: Words) -> str:
    return words(
        "delivery",
        family=delivery["family"],
        extract=delivery["extract"],
        as_of=delivery["as_of_date"],
        known=delivery["known_at"],
        id=str(delivery["extract_id"])[:12],
    )
