"""The board pack: a PDF of a few pages, typeset, with charts, its fonts inside, and readable by a screen reader.

Typst sets it from ``pages/pack.typ``; the fonts come with the packages of the lock and nothing is looked for on the
machine or in the network. The same board gives the same bytes: the only moment in it is the cut-off.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import noto_cjk_sans_jp_bold
import noto_cjk_sans_jp_regular
import typst

from publish.board import ENGLISH, Board, Row, notes
from publish.dictionary import THEMES
from publish.glyphs import printable
from publish.page import PAGES, SURE_STATES, chart, lead, readable, target_text
from publish.tables import number_text
from publish.wording import Words

NAMES = {"en": "board_pack.pdf", "ja": "board_pack.ja.pdf"}
FONTS = [str(package.FONT_PATH.parent) for package in (noto_cjk_sans_jp_regular, noto_cjk_sans_jp_bold)]
EXACT = ("metric_id", "perimeter", "basis", "fiscal_quarter", "numerator", "denominator", "value")


def render(board: Board, words: Words = ENGLISH) -> bytes:
    """The pack's bytes."""
    return bytes(
        typst.compile(
            str(PAGES / "pack.typ"),
            root=str(PAGES),
            font_paths=FONTS,
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(_printable(content(board, words)), ensure_ascii=False)},
            pdf_standards=["a-2a", "ua-1"],  # for the archive, and for a screen reader
            timestamp=board.cutoff_at,
        )
    )


def _printable(said: Any) -> Any:
    """The same data, in characters that the font can show: one sign that no font has would stop the whole pack."""
    if isinstance(said, dict):
        return {name: _printable(part) for name, part in said.items()}
    if isinstance(said, list | tuple):
        return [_printable(part) for part in said]
    return printable(said, noto_cjk_sans_jp_regular.FONT_PATH) if isinstance(said, str) else said


def content(board: Board, words: Words) -> dict[str, Any]:
    """Everything that the pack says, as data: the template has no word of its own."""
    rows = board.tables["headline"].rows
    by_theme = {theme: [row for row in rows if board.metrics[row["metric_id"]]["theme"] == theme] for theme in THEMES}
    title = words("page.title", quarter=board.quarter)
    mark = f" ({words('sample.mark')})" if board.is_sample else ""
    return {
        "language": words.language,
        "title": title + mark,
        "company": board.company,
        "quarter": board.quarter,
        "months": words.months(board.quarter),
        "heading": words("page.heading"),
        "is_sample": board.is_sample,
        "date": {"year": board.cutoff_at.year, "month": board.cutoff_at.month, "day": board.cutoff_at.day},
        "footer": f"{board.company}, {title}{mark}",
        "words": {
            "mark": words("sample.mark"),
            "sample": words("sample.sentence"),
            "figure": words("page.figure"),
            "result": words("page.result"),
            "counted": words("page.counted"),
            "target": words("page.target"),
            "headline": words("page.headline"),
            "trend": words("pack.trend"),
            "notes": words("page.notes"),
            "exact": words("pack.exact"),
            "exact_about": words("pack.exact_about"),
        },
        "facts": [
            (words("page.as_known_by"), board.local(board.cutoff_at, words)),
            (words("page.prepared_by"), board.prepared_by),
            (words("page.withheld_cells"), str(board.withheld_cells)),
            (words("page.approved_by"), words("pack.approval")),
        ],
        "lead": lead(board, words),
        "targets": [_figure(board, row, words) for row in board.against_target],
        "themes": [
            (words(f"theme.{theme}"), [_figure(board, row, words) for row in found])
            for theme, found in by_theme.items()
            if found
        ],
        "charts": [_chart(board, row, words) for row in rows if row["value"] is not None],
        "notes": [{"heading": note.heading, "text": note.text, "items": note.items} for note in notes(board, words)],
        "exact_columns": EXACT,
        "exact": [
            [words.title(row)]
            + [number_text(row[name]) if isinstance(row[name], float) else row[name] or "-" for name in EXACT]
            for row in rows
        ],
    }


def _figure(board: Board, row: Row, words: Words) -> dict[str, Any]:
    counts = [readable(row[name], words) for name in ("numerator", "denominator")]
    is_share = row["unit"] == "%" and row["value"] is not None
    return {
        "title": words.title(row),
        "place": f"{words.word('perimeter', row['perimeter'])}, {words.word('basis', row['basis'])}",
        "shown": words.shown(row),
        "state": None if row["value_state"] in SURE_STATES else words(f"state.{row['value_state']}"),
        "counted": words("counted", *counts) if row["denominator"] is not None and row["value"] is not None else "",
        "status": row["target_status"],
        "status_word": words(f"status.{row['target_status']}"),
        "target_text": target_text(board, row, words),
        "share": row["value"] if is_share and row["target_value"] is not None else None,
        "target": row["target_value"],
    }


def _chart(board: Board, row: Row, words: Words) -> dict[str, Any]:
    picture = chart(board, row, words)
    drawn = asdict(picture) | {"title": words.title(row)}
    drawn["bars"] = [
        {
            **{name: getattr(bar, name) for name in ("x", "y", "height", "middle", "above", "text", "is_last")},
            "quarter": f"{bar.row['fiscal_quarter'][4:6]} {bar.row['fiscal_quarter'][-2:]}",
        }
        for bar in picture.bars
    ]
    drawn["target_text"] = words("chart.dashed", picture.target_text) if picture.target_text else ""
    return drawn
