"""The frames that the board door's checks look at, made from the candidate's files as they are written.

A frame has a ``label`` (what a person looks for: a file, a table, a metric) and one column for each check. 1 stands for
a row that breaks the check's rule, 0 for one that keeps it; a blank says that the rule does not apply to the row.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

NUMBERS = ("numerator", "denominator", "value", "target_value")
COMPARED = (*NUMBERS, "display_value", "target_status", "value_state")
CELL = ["metric_id", "perimeter", "basis", "fiscal_quarter"]
TOTAL = "total"
SUPPRESSED = "SUPPRESSED"
FROZEN = "AS_FIRST_PUBLISHED"
UNKNOWN = "UNKNOWN"
LEAST_WHOLE = 50  # one of twenty is a twentieth, and says nothing about a sender

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Candidate:
    """What is read of a candidate: every table as text cells (CSV) and as typed cells (Parquet), and its checksums."""

    quarter: FiscalQuarter
    promised: Mapping[str, str]  # relative path -> SHA-256, as candidate.json names them
    found: Mapping[str, str]  # the same, of the bytes on disk now
    as_csv: Mapping[str, tuple[list[str], list[list[str]]]]  # table -> header, cells
    as_parquet: Mapping[str, tuple[list[str], list[tuple[Any, ...]]]]
    released: Mapping[str, Mapping[str, float]]  # earlier releases: quarter -> metric -> value
    withhold_below: int


def read(
    settings: Settings, connection: duckdb.DuckDBPyConnection, folder: Path, record: Mapping[str, Any]
) -> Candidate:
    """Read a candidate's folder. A table that is missing or is no table is left out, and a check will say so."""
    files = folder / "files"
    return Candidate(
        quarter=FiscalQuarter.parse(record["quarter"]),
        promised=record["files"],
        found=store.checksums(files),
        as_csv={file.stem: _csv(file) for file in sorted(files.glob("tables/*.csv"))},
        as_parquet={file.stem: _parquet(connection, file) for file in sorted(files.glob("tables/*.parquet"))},
        released=_released(settings.place("releases")),
        withhold_below=settings.withhold_below,
    )


def frames(candidate: Candidate, pinned: Mapping[str, Any]) -> dict[str, Callable[[], pd.DataFrame]]:
    """The frames by name, each made when it is asked for: a table that cannot be read spoils only its own frames."""
    figures = cache(lambda: stacked_figures(candidate, pinned))
    return {
        "files": lambda: files_frame(candidate),
        "tables": lambda: tables_frame(candidate, pinned),
        "core": lambda: core_frame(candidate, pinned),
        "figures": lambda: figures_frame(candidate, figures(), pinned),
        "headline": lambda: headline_frame(candidate, figures(), pinned),
        "trend": lambda: trend_frame(candidate, figures(), pinned),
        "breakdowns": lambda: breakdowns_frame(figures(), pinned),
        "years": lambda: years_frame(figures(), pinned),
    }


def files_frame(candidate: Candidate) -> pd.DataFrame:
    """One row a file, promised or found."""
    names = sorted(candidate.promised.keys() | candidate.found.keys())
    altered = [candidate.promised.get(name) != candidate.found.get(name) for name in names]
    return pd.DataFrame({"label": names, "altered_file": [float(is_altered) for is_altered in altered]})


def attack_frame(broken: Mapping[str, int], rules: Sequence[str]) -> pd.DataFrame:
    """One row a rule of the attack: whether it was broken, and never how often or where."""
    return _floats({"label": rule, "broken_rule": bool(broken.get(rule))} for rule in rules)


def attacked_files_frame(candidate: Candidate, attacked: Mapping[str, str]) -> pd.DataFrame:
    """One row a file of the candidate: whether the attack read other bytes than these, or did not read it."""
    names = sorted(candidate.found.keys() | attacked.keys())
    return _floats({"label": name, "not_attacked": candidate.found.get(name) != attacked.get(name)} for name in names)


def tables_frame(candidate: Candidate, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """One row a table, pinned or found: columns missing, columns that are not published, cells that differ."""
    found = candidate.as_csv.keys() | candidate.as_parquet.keys()
    # A first release changes nothing, so the table of changes is there from the second on.
    of_revisions = {table: columns for table, columns in pinned["revision_tables"].items() if table in found}
    wanted: Mapping[str, Sequence[str]] = pinned["tables"] | of_revisions
    placeholder = re.compile(
        rf"\b({'|'.join(pinned['placeholder_words'])})\b|^({'|'.join(pinned['placeholder_cells'])})$", re.IGNORECASE
    )
    rows = []
    for table in sorted(wanted.keys() | found):
        published = set(wanted.get(table, ()))
        header, cells = candidate.as_csv.get(table, ([], []))
        typed_header, typed = candidate.as_parquet.get(table, ([], []))
        rows.append(
            {
                "label": table if table in wanted else "a table that is not published",
                "missing_columns": len(published - set(header)) + len(published - set(typed_header)),
                "foreign_columns": len(set(header) - published) + len(set(typed_header) - published) + (not published),
                "differing_cells": _differences(header, cells, typed_header, typed),
                "placeholder_cells": sum(bool(placeholder.search(cell)) for row in cells for cell in row),
            }
        )
    return _floats(rows)


def core_frame(candidate: Candidate, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """One row a metric, pinned as core or found: how far its number of rows is from what it should be."""
    core: Sequence[str] = pinned["core_metrics"]
    headline = _table(candidate, "headline")["metric_id"].tolist()
    catalogue = _table(candidate, "dim_metric")["metric_id"].tolist()
    return _floats(
        {
            "label": metric if metric in core else "a metric that is not core",
            "miscounted_in_headline": abs(headline.count(metric) - (metric in core)),
            "miscounted_in_catalogue": abs(catalogue.count(metric) - 1),
        }
        for metric in sorted({*core, *headline, *catalogue})
    )


def figures_frame(candidate: Candidate, figures: pd.DataFrame, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """One row a figure of any table: headline, trend, themes and metric values."""
    uncategorised = _uncategorised(figures, pinned)
    rows = []
    for row in figures.to_dict("records"):
        numerator, denominator, value = (_number(row[name]) for name in ("numerator", "denominator", "value"))
        share = row["unit"] == "%"
        excess = gap = None
        if share and numerator is not None and denominator is not None:
            excess = numerator - denominator
            if denominator and value is not None:
                gap = abs(value - 100 * numerator / denominator)
        rows.append(
            {
                "label": row["label"],
                "value_state": row["value_state"] or None,
                "excess_of_numerator": excess,
                "percentage": value if share else None,
                "fraction_gap": gap,
                "denominator": denominator,
                "state_conflict": _state_conflict(row, numerator, denominator, value),
                "target_conflict": _target_conflict(row, value),
                "withheld_total": row["dimension"] == TOTAL
                and row["value_state"] == SUPPRESSED
                and row["metric_id"] not in pinned["small_totals"],
                "small_person_count": row["dimension_value"] not in pinned["declared_parts"]
                and _is_small(row, candidate.withhold_below),
                "foreign_quarter": _is_foreign(row, candidate.quarter),
                "premature_zero": row["metric_id"] in pinned["zero_claims"]
                and (row["value_state"] == "MEASURED_ZERO" or row["claim_state"] == "ZERO")
                and row["fiscal_quarter"] in uncategorised,
            }
        )
    return _floats(rows)


def headline_frame(candidate: Candidate, figures: pd.DataFrame, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """One row a headline figure, compared with its theme, with the trend and with the quarter before."""
    headline = figures[figures["table"] == "headline"]
    themes = figures[figures["table"].isin(pinned["themes"]) & (figures["dimension"] == TOTAL)]
    trend = figures[figures["table"] == "trend"]
    before = str(candidate.quarter.previous())
    rows = []
    for row in headline.to_dict("records"):
        ratio = None
        earlier = trend[(trend["metric_id"] == row["metric_id"]) & (trend["fiscal_quarter"] == before)]
        if row["metric_id"] == pinned["headcount"] and len(earlier) == 1:
            now, then = _number(row["value"]), _number(earlier.iloc[0]["value"])
            ratio = now / then if now is not None and then else None
        rows.append(
            {
                "label": row["label"],
                "differs_from_theme": not _stands_in(themes, row),
                "differs_from_trend": not _stands_in(trend, row),
                "headcount_ratio": ratio,
            }
        )
    return _floats(rows)


def trend_frame(candidate: Candidate, figures: pd.DataFrame, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """One row a figure of the trend, compared with the newest release of its quarter, if there is one."""
    rows = []
    for row in figures[figures["table"] == "trend"].to_dict("records"):
        published = candidate.released.get(row["fiscal_quarter"], {}).get(row["metric_id"])
        value = _number(row["value"])
        lost = published is not None and row["metric_id"] in pinned["case_counts"]
        rows.append(
            {
                "label": f"{row['label']} {row['fiscal_quarter']}",
                "changed_since_release": None if published is None else value != published,
                "cases_lost": max(0.0, published - (value or 0.0)) if lost and published is not None else None,
            }
        )
    return _floats(rows)


def breakdowns_frame(figures: pd.DataFrame, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """One row a breakdown: the distance of its parts' sum from the total, and the part UNKNOWN, as shares of the whole.

    The first share is blank if a part is hidden, the second if the part UNKNOWN is; it also is where senders need not
    know, in earlier quarters, and of a whole of few.
    """
    figures = figures[~figures["table"].isin(["headline", "trend"])]
    key = ["table", *CELL]
    totals = {
        tuple(row[name] for name in key): row for row in figures[figures["dimension"] == TOTAL].to_dict("records")
    }
    parts = figures[figures["dimension"] != TOTAL]
    rows = []
    for name, group in parts.groupby([*key, "dimension"], sort=True):
        total = totals.get(tuple(name[:-1]))
        if total is None:  # parts of nothing: as far from their total as can be
            rows.append({"label": group["label"].iloc[0], "gap_to_total": math.inf, "unknown_share": None})
            continue
        counts = [_count(row) for row in group.to_dict("records")]
        breakdown = f"{name[1]} {name[-1]}"
        whole = _number(total["denominator"]) if breakdown in pinned["parts_of_denominator"] else _count(total)
        printed = [count for count in counts if count is not None]
        applies = (
            # Parts as first published need not add up to a total that was corrected since.
            whole is not None
            and not (group["value_state"] == FROZEN).any()
            and len(printed) == len(counts)
            and breakdown not in pinned["overlapping_breakdowns"]
        )
        gap = abs(sum(printed) - whole) / max(1.0, abs(whole)) if applies and whole is not None else None
        # Themes hold the candidate's quarter: what was not known in an earlier one is no fault of this delivery.
        is_asked = name[0] != "metric_values" and name[-1] in pinned["known_dimensions"]
        unknown = _unknown_share(group, total) if is_asked else None
        rows.append({"label": group["label"].iloc[0], "gap_to_total": gap, "unknown_share": unknown})
    return _floats(rows)


def years_frame(figures: pd.DataFrame, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """One row a year-to-date count of cases: its distance from the quarter before plus the quarter."""
    totals = figures[
        (figures["table"] == "metric_values")
        & (figures["dimension"] == TOTAL)
        & figures["metric_id"].isin(pinned["case_counts"])
    ]
    values = {
        (row["metric_id"], row["perimeter"], row["basis"], row["fiscal_quarter"]): _number(row["value"])
        for row in totals.to_dict("records")
    }
    rows = []
    for (metric, perimeter, basis, written), to_date in values.items():
        if basis != "ytd":
            continue
        quarter = FiscalQuarter.parse(written)
        within = values.get((metric, perimeter, "qtr", written))
        before = values.get((metric, perimeter, "ytd", str(quarter.previous()))) if quarter.number > 1 else 0.0
        gap = None
        if to_date is not None and within is not None and before is not None:
            gap = abs(to_date - before - within)
        rows.append({"label": f"{_label(metric, pinned)} {written}", "year_to_date_gap": gap})
    return _floats(rows)


def stacked_figures(candidate: Candidate, pinned: Mapping[str, Any]) -> pd.DataFrame:
    """Every row of every table of figures, as text, with ``table``, ``direction``, ``is_headline`` and ``label``."""
    catalogue = _table(candidate, "dim_metric").set_index("metric_id")
    names = ("headline", "trend", *pinned["themes"], "metric_values", "zero_claims")
    figures = pd.concat([_table(candidate, name).assign(table=name) for name in names], ignore_index=True)
    figures["dimension"] = figures["dimension"].fillna(TOTAL)
    figures["unit"] = figures["unit"].fillna(figures["metric_id"].map(catalogue["unit"]))
    figures["direction"] = figures["metric_id"].map(catalogue["target_direction"])
    figures["target_of_catalogue"] = figures["metric_id"].map(catalogue["target_value"])
    figures["is_headline"] = (
        (figures["dimension"] == TOTAL)
        & (figures["perimeter"] == figures["metric_id"].map(catalogue["headline_perimeter"]))
        & (figures["basis"] == figures["metric_id"].map(catalogue["basis"]))
    )
    figures["label"] = [
        f"{table}: {_label(metric, pinned)}"
        for table, metric in zip(figures["table"], figures["metric_id"], strict=True)
    ]
    return figures.astype(object).where(figures.notna(), None)


def _label(metric: str, pinned: Mapping[str, Any]) -> str:
    """A metric's name if it is one we know: anything else in that column may be somebody's value."""
    return metric if metric in pinned["core_metrics"] else "a metric that is not core"


def _table(candidate: Candidate, name: str) -> pd.DataFrame:
    """A table as text, as its CSV has it; KeyError if it is not there."""
    header, cells = candidate.as_csv[name]
    return pd.DataFrame(cells, columns=header, dtype=object)


def _stands_in(table: pd.DataFrame, row: Mapping[str, Any]) -> bool:
    """Whether exactly one row of a table has this row's metric, perimeter, basis and quarter, and the same figure."""
    same = table[(table[CELL] == [row[name] for name in CELL]).all(axis=1)]
    return len(same) == 1 and all(same.iloc[0][name] == row[name] for name in COMPARED)


def _uncategorised(figures: pd.DataFrame, pinned: Mapping[str, Any]) -> set[str]:
    """The quarters in which at least one case has no category yet: by its part, or by the total of those with one."""
    parts = figures[(figures["dimension"] == "category") & (figures["dimension_value"] == "UNCATEGORISED")]
    totals = figures[(figures["dimension"] == TOTAL) & figures["metric_id"].isin(pinned["categorised"])]
    return {
        row["fiscal_quarter"]
        for row in parts.to_dict("records")
        if row["value_state"] == SUPPRESSED or (_count(row) or 0) > 0
    } | {
        row["fiscal_quarter"]
        for row in totals.to_dict("records")
        if (_number(row["numerator"]) or 0) < (_number(row["denominator"]) or 0)
    }


def _state_conflict(
    row: Mapping[str, Any], numerator: float | None, denominator: float | None, value: float | None
) -> bool:
    state = row["value_state"]
    if state == SUPPRESSED:
        shown = bool(re.search(r"\d", row.get("display_value") or ""))
        return shown or any(number is not None for number in (numerator, denominator, value))
    if state == "NOT_MEASURED":
        return value is not None
    if value is None:
        return True
    if state == FROZEN:
        return row["dimension"] == TOTAL
    if row["unit"] == "pp":  # a gap of zero is a gap like any other, not a claim that there is nothing
        return state == "MEASURED_ZERO"
    return state in ("MEASURED", "MEASURED_ZERO") and (state == "MEASURED_ZERO") != (value == 0)


def _target_conflict(row: Mapping[str, Any], value: float | None) -> bool:
    """Whether a row's status is not what its target and value make of it, or a headline lacks its metric's target."""
    target, status, direction = _number(row["target_value"]), row["target_status"], row["direction"]
    if direction == "none":
        return status != "NO_TARGET" or target is not None
    if row["is_headline"] and target != _number(row["target_of_catalogue"]):
        return True
    if target is None:
        return status not in ("NO_TARGET", "NOT_COMPARABLE")
    if value is None:
        return status != "NOT_COMPARABLE"
    early = FiscalQuarter.parse(row["fiscal_quarter"] or "").number < 4
    if row["basis"] == "ytd" and direction == "at_least" and early:
        return status != "NOT_DUE"
    met = value >= target if direction == "at_least" else value <= target
    return status != ("MET" if met else "MISSED")


def _is_small(row: Mapping[str, Any], below: int) -> bool:
    if row["dimension"] == TOTAL or str(row.get("is_person_count")).lower() == "false":
        return False
    counted = _number(row["numerator"])
    if counted is None and row["unit"] not in ("%", "pp"):
        counted = _number(row["value"])
    return any(count is not None and 0 < count < below for count in (counted, _number(row["denominator"])))


def _unknown_share(parts: pd.DataFrame, total: Mapping[str, Any]) -> float | None:
    """How much of what a breakdown is of is in its part UNKNOWN; None if that part is hidden, or the whole is small."""
    weights = {row["dimension_value"]: _weight(row) for row in parts.to_dict("records")}
    known = [weight for weight in weights.values() if weight is not None]
    whole = sum(known) if len(known) == len(weights) else _weight(total)
    unknown = weights.get(UNKNOWN, 0.0)
    if unknown is None or whole is None or whole < LEAST_WHOLE:
        return None
    return unknown / whole


def _weight(row: Mapping[str, Any]) -> float | None:
    return _count(row) if row["denominator"] in (None, "") else _number(row["denominator"])


def _is_foreign(row: Mapping[str, Any], quarter: FiscalQuarter) -> bool:
    written = FiscalQuarter.parse(row["fiscal_quarter"] or "")
    return written > quarter if row["table"] in ("trend", "metric_values") else written != quarter


def _count(row: Mapping[str, Any]) -> float | None:
    """What adds up over the parts of a breakdown: the numerator, or the value of a count."""
    numerator = _number(row["numerator"])
    if numerator is None and row["unit"] not in ("%", "pp"):
        return _number(row["value"])
    return numerator


def _number(text: str | None) -> float | None:
    """A cell as a number; blank is none. A cell that is no finite number is an error, which fails every check on it."""
    if text is None or text == "":
        return None
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a cell is not a finite number")
    return number


def _floats(rows: Any) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows))
    texts = {"label", "value_state"}
    return frame.astype({name: "float64" for name in frame.columns if name not in texts})


def _differences(
    header: Sequence[str], cells: Sequence[Sequence[str]], typed_header: Sequence[str], typed: Sequence[Sequence[Any]]
) -> int:
    """Cells of the CSV that do not say what the Parquet file says; a row or column too few counts all its cells."""
    if list(header) != list(typed_header):
        return max(1, len(set(header) ^ set(typed_header))) * max(1, len(cells), len(typed))
    rows = sum(
        not _same(text, value)
        for left, right in zip(cells, typed, strict=False)
        for text, value in zip(left, right, strict=True)
    )
    return rows + abs(len(cells) - len(typed)) * max(1, len(header))


def _same(text: str, value: Any) -> bool:
    if value is None:
        return text == ""
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, int | float):
        try:
            return float(text) == value
        except ValueError:
            return False
    return text in (str(value), f"'{value}")  # the apostrophe keeps a spreadsheet from reading text as a formula


def _csv(file: Path) -> tuple[list[str], list[list[str]]]:
    """Header and cells; a file that is no table has neither."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header, *cells = csv.reader(stream, strict=True)
    except (ValueError, csv.Error):
        return [], []
    return header, [row if len(row) == len(header) else [""] * len(header) for row in cells]


def _parquet(connection: duckdb.DuckDBPyConnection, file: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        result = connection.execute("select * from read_parquet(?)", [str(file)])
    except duckdb.Error:
        return [], []
    return [column[0] for column in result.description], result.fetchall()


def _released(releases: Path) -> dict[str, dict[str, float]]:
    """The headline values of the newest release of each quarter."""
    newest: dict[str, tuple[int, Path]] = {}
    for folder in releases.glob("*/r*"):
        revision = folder.name.removeprefix("r")
        if revision.isdigit():
            newest[folder.parent.name] = max(newest.get(folder.parent.name, (0, folder)), (int(revision), folder))
    published: dict[str, dict[str, float]] = {}
    for quarter, (_, folder) in sorted(newest.items()):
        header, cells = _csv(folder / "tables" / "headline.csv")
        rows = [dict(zip(header, row, strict=True)) for row in cells]
        published[quarter] = {row["metric_id"]: value for row in rows if (value := _number(row["value"])) is not None}
    return published
