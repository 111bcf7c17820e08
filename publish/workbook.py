"""The board's workbook: a cover, the headline, figures against target, a sheet a theme, companies, the trend, notes.

Numbers are native numbers in the unit that the tables state (86.0 is 86.0 percent); text is always text, never a
formula or a link. The same board gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from publish.board import (
    BASIS_WORDS,
    ENGLISH,
    PERIMETER_WORDS,
    SAMPLE_MARK,
    SAMPLE_SENTENCE,
    STATE_WORDS,
    STATUS_WORDS,
    Board,
    Row,
    notes,
)
from publish.dictionary import THEMES

INK, PALE, RULE, ACCENT, GOOD, BAD = "#1C1F23", "#F3F1EA", "#C9C4B5", "#14535A", "#1D6B45", "#9B2C1F"
FIRST_ROW = 3  # the first row of figures, counted from 0: a title, a line about it and the header stand above
SHEETS = {
    "training": "Training",
    "grievance": "Grievance",
    "supply_chain": "Supply chain",
    "workforce": "Workforce",
    "geopolitics": "Geopolitics",
    "ai": "AI",
    "governance": "Governance",
    "quality": "Quality",
}
LABELS = {
    "title": "Figure",
    "name": "Company",
    "dimension": "Broken down by",
    "dimension_value": "Part",
    "perimeter": "Perimeter",
    "basis": "Basis",
    "fiscal_quarter": "Quarter",
    "display_value": "As printed",
    "value": "Value",
    "unit": "Unit",
    "numerator": "Numerator",
    "denominator": "Denominator",
    "target_value": "Target",
    "target_status": "Status",
    "value_state": "State of the value",
    "metric_id": "Metric id",
}
WIDTHS = {
    "claim": 34,
    "claim_state": 20,
    "evidence": 44,
    "title": 58,
    "name": 26,
    "dimension": 20,
    "dimension_value": 26,
    "value_state": 20,
    "metric_id": 40,
    "target_status": 16,
}
HEADLINE_COLUMNS = tuple(name for name in LABELS if name not in ("name", "dimension", "dimension_value"))
PART_COLUMNS = tuple(name for name in LABELS if name != "name")
CLAIM_LABELS = {"claim": "Claim", "claim_state": "State of the claim", "evidence": "What it says"}
CLAIM_COLUMNS = (
    *CLAIM_LABELS,
    *(name for name in HEADLINE_COLUMNS if name not in ("target_value", "target_status")),
)
QUARTERS_DRAWN = 12
APART = {"x_offset": 10, "y_offset": 5}
COMPANY_COLUMNS = ("title", "name", "fiscal_quarter", "display_value", "value", "unit", "numerator", "denominator",
                   "value_state", "perimeter", "basis", "dimension", "dimension_value", "metric_id")  # fmt: skip
TREND_COLUMNS = ("fiscal_quarter", *(name for name in HEADLINE_COLUMNS if name != "fiscal_quarter"))
WORDS = {
    "target_status": STATUS_WORDS,
    "value_state": {state: word for state, (word, _) in STATE_WORDS.items()},
    "perimeter": PERIMETER_WORDS,
    "basis": BASIS_WORDS,
}


def render(board: Board) -> bytes:
    """The workbook's bytes."""
    stream = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(stream, options)
    book.set_properties(
        {
            "title": f"Human rights due diligence, board figures {board.quarter}",
            "company": board.company,
            "author": board.prepared_by,
            # A workbook must say when it was made; the cut-off is the only moment that belongs to its figures.
            "created": board.cutoff_at.replace(tzinfo=None, microsecond=0),
        }
    )
    _Book(book, board).write()
    book.close()
    return stream.getvalue()


class _Book:
    def __init__(self, book: xlsxwriter.Workbook, board: Board) -> None:
        self.book = book
        self.board = board
        self.formats: dict[tuple[tuple[str, Any], ...], Format] = {}

    def write(self) -> None:
        self.cover()
        self.table("Headline", "Headline figures", self.board.tables["headline"].rows, HEADLINE_COLUMNS)
        self.against_target()
        self.table("Zero claims", "Claims of zero, with their evidence", self._claims(), CLAIM_COLUMNS)
        for theme, title in THEMES.items():
            self.table(SHEETS[theme], title, self.board.tables[theme].rows, PART_COLUMNS)
        self.by_company()
        self.table("Trend", "Every figure over the quarters", self.board.tables["trend"].rows, TREND_COLUMNS)
        self.charts()
        self.definitions()
        self.notes()

    def _claims(self) -> list[Row]:
        words = {name: ENGLISH.section(name) for name in ("claim", "claim_state", "evidence")}
        return [row | {name: words[name][row[name]] for name in words} for row in self.board.tables["zero_claims"].rows]

    def style(self, **properties: Any) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self.formats:
            base = {"font_name": "Calibri", "font_size": 10, "font_color": INK, "valign": "top"}
            self.formats[key] = self.book.add_format({**base, **properties})
        return self.formats[key]

    def sheet(self, name: str, title: str, about: str) -> Worksheet:
        sheet = self.book.add_worksheet(name)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(0.4, 0.4, 0.6, 0.6)
        mark = f"   {SAMPLE_MARK}" if self.board.is_sample else ""
        sheet.set_footer(f"&L&8{_plain(self.board.company)}{mark}&C&8{self.board.quarter}&R&8&P / &N")
        sheet.write_string(0, 0, title, self.style(font_size=16, bold=True, font_color=ACCENT))
        sheet.write_string(1, 0, about, self.style(italic=True))
        sheet.set_row(0, 24)
        return sheet

    def about(self) -> str:
        sample = f"{SAMPLE_MARK}. {SAMPLE_SENTENCE} " if self.board.is_sample else ""
        return (
            f"{sample}{self.board.company}, {self.board.quarter}, as known by {self.board.local(self.board.cutoff_at)}"
        )

    def cover(self) -> None:
        board = self.board
        sheet = self.sheet("Cover", "Human rights due diligence", f"Board figures {board.quarter}")
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 80)
        late = " (after the standard cut-off: see Notes)" if board.is_late else ""
        facts = [
            ("Company", board.company),
            ("Quarter", board.quarter),
            ("Figures as known by", board.local(board.cutoff_at) + late),
            ("Prepared by", board.prepared_by),
            ("Figures", f"{len(board.tables['headline'].rows)}, on the sheet Headline"),
            ("Withheld cells", str(board.withheld_cells)),
            ("Release", "named in manifest.json, beside this workbook"),
            ("Approved by", "named in approval.json, beside this workbook: approved are these very bytes"),
            ("Checks", "verdict.json, beside this workbook"),
        ]
        if board.revision:
            facts.insert(0, ("Revised", board.revision.notice()))
        if board.is_sample:
            facts.insert(0, (SAMPLE_MARK, SAMPLE_SENTENCE))
        for row, (label, text) in enumerate(facts, start=FIRST_ROW):
            mark = {"font_color": BAD, "bold": True} if label == SAMPLE_MARK else {}
            sheet.write_string(row, 0, label, self.style(bold=True, **({"font_color": BAD} if mark else {})))
            sheet.write_string(row, 1, text, self.style(text_wrap=True, **mark))

    def table(self, name: str, title: str, rows: Sequence[Row], columns: Sequence[str]) -> None:
        sheet = self.sheet(name, title, self.about())
        self.header(sheet, [((LABELS | CLAIM_LABELS)[column], WIDTHS.get(column, 14)) for column in columns])
        for place, row in enumerate(rows, start=FIRST_ROW):
            for at, column in enumerate(columns):
                self.cell(sheet, place, at, column, row)
        if rows:
            sheet.autofilter(FIRST_ROW - 1, 0, FIRST_ROW + len(rows) - 1, len(columns) - 1)

    def header(self, sheet: Worksheet, labels: Sequence[tuple[str, int]]) -> None:
        line = self.style(bold=True, bg_color=PALE, bottom=1, bottom_color=RULE, text_wrap=True)
        for at, (label, width) in enumerate(labels):
            sheet.set_column(at, at, width)
            sheet.write_string(FIRST_ROW - 1, at, label, line)
        sheet.freeze_panes(FIRST_ROW, 1)
        sheet.repeat_rows(0, FIRST_ROW - 1)

    def cell(self, sheet: Worksheet, place: int, at: int, column: str, row: Row) -> None:
        value = row[column]
        look: dict[str, Any] = {"bottom": 4, "bottom_color": RULE}
        if column == "target_status" and value in ("MET", "MISSED"):
            look |= {"bold": True, "font_color": GOOD if value == "MET" else BAD}
        if value is None:
            sheet.write_blank(place, at, None, self.style(**look))
        elif isinstance(value, int | float):
            sheet.write_number(place, at, value, self.style(**look, num_format=self.number_format(column, row)))
        else:
            look |= {"text_wrap": column == "title", "align": "right" if column == "display_value" else "left"}
            sheet.write_string(place, at, WORDS.get(column, {}).get(value, value), self.style(**look))

    def number_format(self, column: str, row: Row) -> str:
        if column not in ("value", "target_value"):
            return "#,##0.##" if row[column] % 1 else "#,##0"
        decimals = int(self.board.metrics.get(row["metric_id"], {}).get("decimals") or 0)
        digits = "#,##0" + ("." + "0" * decimals if decimals else "")
        # The percent sign is quoted: 86.0 is stored as 86.0, and a bare sign would show 8,600 %.
        return f'{digits}" {row["unit"]}"' if row["unit"] in ("%", "pp") else digits

    def by_company(self) -> None:
        """One row a figure, company and quarter, the newest quarter first: to be filtered, or pasted as it is."""
        rows = [
            {**row, "name": self.board.companies.get(row["dimension_value"], row["dimension_value"])}
            for metric in self.board.metrics
            for row in sorted(self.board.by_company(metric), key=lambda row: row["fiscal_quarter"], reverse=True)
        ]
        self.table("By company", "By company, quarter by quarter", rows, COMPANY_COLUMNS)

    def against_target(self) -> None:
        rows = [
            row
            for row in self.board.tables["headline"].rows
            if row["unit"] == "%" and row["target_value"] is not None and row["value"] is not None
        ]
        name = "Against target"
        sheet = self.sheet(name, "Figures against target", self.about())
        columns = ("title", "value", "target_value", "target_status")
        self.header(sheet, [(LABELS[column], WIDTHS.get(column, 14)) for column in columns])
        for place, row in enumerate(rows, start=FIRST_ROW):
            for at, column in enumerate(columns):
                self.cell(sheet, place, at, column, row)
        if not rows:
            return
        last = FIRST_ROW + len(rows) - 1
        categories = [name, FIRST_ROW, 0, last, 0]
        bars = self.book.add_chart({"type": "column"})
        bars.add_series(
            {
                "name": [name, FIRST_ROW - 1, 1],
                "categories": categories,
                "values": [name, FIRST_ROW, 1, last, 1],
                "fill": {"color": ACCENT},
                "gap": 80,
                "data_labels": {"value": True, "num_format": "0.0"},
            }
        )
        marks = self.book.add_chart({"type": "line"})
        marks.add_series(
            {
                "name": [name, FIRST_ROW - 1, 2],
                "categories": categories,
                "values": [name, FIRST_ROW, 2, last, 2],
                "line": {"none": True},
                "marker": {"type": "long_dash", "size": 14, "border": {"color": BAD}, "fill": {"color": BAD}},
            }
        )
        bars.combine(marks)
        bars.set_title({"name": f"{self.board.quarter}: figures against target, in percent", "name_font": {"size": 12}})
        bars.set_y_axis({"min": 0, "max": 100, "num_format": "0", "major_gridlines": {"visible": True}})
        bars.set_x_axis({"num_font": {"size": 8}})
        bars.set_legend({"position": "bottom"})
        bars.set_size({"width": 900, "height": 420})
        sheet.insert_chart(
            last + 2, 0, bars, {"description": "Columns: figures of the quarter; dashes: their targets."}
        )

    def charts(self) -> None:
        """One native line chart a figure, over the rows of the sheet Trend."""
        sheet = self.sheet("Charts", "Headline figures, quarter by quarter", self.about())
        sheet.set_column(0, 0, 14)
        trend = self.board.tables["trend"].rows
        quarter, value, goal = (TREND_COLUMNS.index(name) for name in ("fiscal_quarter", "value", "target_value"))
        drawn = 0
        for row in self.board.tables["headline"].rows:
            at = [place for place, past in enumerate(trend) if past["metric_id"] == row["metric_id"]][-QUARTERS_DRAWN:]
            known = [place for place in at if trend[place]["value"] is not None]
            if not known:
                continue
            first, last = FIRST_ROW + at[0], FIRST_ROW + at[-1]
            lines = self.book.add_chart({"type": "line"})
            categories = ["Trend", first, quarter, last, quarter]
            lines.add_series(
                {
                    "name": row["title"],
                    "categories": categories,
                    "values": ["Trend", first, value, last, value],
                    "line": {"color": ACCENT, "width": 2},
                    "marker": {"type": "circle", "size": 4, "fill": {"color": ACCENT}, "border": {"color": ACCENT}},
                }
            )
            if row["target_value"] is not None:
                lines.add_series(
                    {
                        "name": LABELS["target_value"],
                        "categories": categories,
                        "values": ["Trend", first, goal, last, goal],
                        "line": {"color": BAD, "dash_type": "dash", "width": 1},
                    }
                )
            lines.set_title({"name": row["title"], "name_font": {"size": 9}})
            lines.set_legend({"none": True})
            lines.set_y_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": RULE}}})
            lines.set_x_axis({"num_font": {"size": 8}})
            lines.set_size({"width": 440, "height": 250})
            said = f"{row['title']}, quarter by quarter; dashed: the target."
            sheet.insert_chart(FIRST_ROW + 13 * (drawn // 3), 4 * (drawn % 3), lines, {"description": said, **APART})
            drawn += 1

    def definitions(self) -> None:
        sheet = self.sheet("Definitions", "What each figure means", self.about())
        columns = {
            "title": ("Figure", 44), "numerator_text": ("Numerator", 60), "denominator_text": ("Denominator", 50),
            "target_source": ("Target set by", 26), "owner": ("Owner", 22), "trust_level": ("Trust", 10),
            "misuse": ("Not to be used for", 44), "standards": ("Standards", 36), "definition_version": ("Version", 10),
            "metric_id": ("Metric id", 40),
        }  # fmt: skip
        self.header(sheet, list(columns.values()))
        for place, metric in enumerate(self.board.metrics, start=FIRST_ROW):
            for at, column in enumerate(columns):
                text = str(self.board.metrics[metric][column] or "")
                sheet.write_string(place, at, text, self.style(text_wrap=True, bottom=4, bottom_color=RULE))

    def notes(self) -> None:
        sheet = self.sheet("Notes", "Notes", self.about())
        sheet.set_column(0, 0, 120)
        place = FIRST_ROW
        for note in notes(self.board):
            lines = [(note.heading, self.style(bold=True, font_color=ACCENT)), (note.text, self.style(text_wrap=True))]
            lines += [(f"   • {item}", self.style(text_wrap=True)) for item in note.items]
            for text, look in [*lines, ("", self.style())]:
                sheet.write_string(place, 0, text, look)
                sheet.set_row(place, 13.5 * (1 + len(text) // 125))
                place += 1


def _plain(text: str) -> str:
    # In a print footer an ampersand starts a code.
    return text.replace("&", "&&")[:80]
