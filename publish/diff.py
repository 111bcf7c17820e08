"""diff: what a revision changes of the release before it, figure by figure, with a reason, and whether it is material.

Both sides are what readers got: the earlier release's own Parquet tables, and the candidate's protected ones. So the
comparison can show nothing that was withheld on both sides.

The rule: a change is material if it is one percentage point or
five percent or more, if a target status flips, if a zero-claim changes, or if the board was shown another figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import database, store
from pipeline.errors import HrddError
from pipeline.settings import Settings
from publish import manifest as manifests
from publish.board import ENGLISH, NOT_GIVEN, Row, Table
from publish.cells import FROZEN, SUPPRESSED, TOTAL
from publish.dictionary import CELL, COLUMNS, REVISION, TABLES, THEMES
from publish.reasons import Reason, Sources, reasons_for
from publish.tables import number_text
from publish.wording import Words

NAME = "revision.json"
POINTS = 1.0  # percentage points
SHARE = 0.05  # of the earlier value
# What is withheld is decided over many figures together, so whatever moved one of them may stand behind it.
WITHHELD = frozenset({SUPPRESSED, FROZEN, NOT_GIVEN})
CHANGES = ("changed", "added", "removed", "kept")


@dataclass(frozen=True)
class Revision:
    """What a candidate changes of a release: the record (``revision.json``) and the rows of ``tables/revision.csv``."""

    record: dict[str, Any]
    rows: list[Row]

    @property
    def table(self) -> Table:
        """The rows as a table that is published like every other."""
        return Table(REVISION, tuple(COLUMNS[column] for column in REVISION.columns), self.rows)

    @property
    def headline(self) -> list[Row]:
        """The changed headline figures, as the board reads them."""
        return [row for row in self.rows if row["is_headline"]]

    def notice(self, words: Words = ENGLISH) -> str:
        """One paragraph that stands at the top of the page and of the workbook."""
        material = sum(row["is_material"] for row in self.rows)
        kept = self.record["figures"]["kept"]
        said = [
            words("revision.notice", release=self.record["revises"]),
            *(words(f"reason.{code}") for code in self.record["reason_codes"]),
            self.record["explanation"],
            words("revision.differ", n=len(self.rows) - kept, headline=len(self.headline)),
            words("revision.kept", n=kept) if kept else "",
            words("revision.material", n=material) if material else words("revision.immaterial"),
            words("revision.table"),
        ]
        return " ".join(filter(None, said))


def revised(files: Path) -> str | None:
    """The manifest digest of the release that a candidate's files say they revise, or nothing."""
    path = files / NAME
    return str(store.read_json(path)["revises_manifest_digest"]) if path.exists() else None


def compare(
    settings: Settings,
    release: Path,
    tables: Mapping[str, Table],
    *,
    inputs: Sequence[Mapping[str, Any]],
    code: Mapping[str, str],
    sources: Sources,
    reasons: Iterable[str] = (),
    explanation: str = "",
) -> Revision:
    """Compare the protected tables of a candidate with a release of its quarter.

    ``inputs`` are the candidate's deliveries, ``code`` its provenance, ``sources`` the extracts behind each metric,
    ``reasons`` and ``explanation`` what the preparer says; reasons that follow from the records (``derived``) stand
    beside them. Raises HrddError for a reason that lies in nothing new, and for a figure that differs without one.
    """
    manifest = store.read_json(release / manifests.NAME)
    before = _read(settings, release)
    now = {name: table.rows for name, table in tables.items()}
    has_other_companies = _perimeter(before) != _perimeter(now)
    found = reasons_for(settings, manifest, inputs, code, reasons, has_other_companies=has_other_companies)
    rows = _figures(before, now, found, sources)
    record = {
        "quarter": manifest["quarter"],
        "revises": manifest["release"],
        "revises_manifest_digest": manifest["manifest_digest"],
        "reason_codes": [reason.code for reason in found],
        "reasons": [{"code": reason.code, "derived": reason.is_derived, "because": reason.because} for reason in found],
        "explanation": explanation.strip(),
        "is_material": any(row["is_material"] for row in rows),
        "schema": _schema(before, tables),
        "rows": {name: _row_counts(before.get(name, []), now.get(name, []), name) for name in sorted(before | now)},
        "figures": {change: sum(row["change"] == change for row in rows) for change in CHANGES},
        "headline": [row for row in rows if row["is_headline"]],
    }
    return Revision(record, rows)


def why_material(old: Row | None, new: Row | None, unit: str | None, *, is_headline: bool) -> list[str]:
    """Which parts of the rule make the change from one figure to the other material; none if it is not."""
    was, now = (side["value"] if side else None for side in (old, new))
    why = []
    if was is not None and now is not None:
        if unit in ("%", "pp") and _reaches(abs(now - was), POINTS):
            why.append("points")
        if was and _reaches(abs(now - was), SHARE * abs(was)):
            why.append("share")
    if (old is None) != (new is None) and (was or now):
        why.append("share")  # a figure that appears or disappears has changed by all of it
    statuses = [side["target_status"] if side else None for side in (old, new)]
    if statuses[0] != statuses[1] and {"MET", "MISSED"} & set(statuses):
        why.append("target")
    if any(side is not None and side["value"] == 0 for side in (old, new)) and _claim(old) != _claim(new):
        why.append("zero_claim")
    if is_headline and _printed(old) != _printed(new):
        why.append("headline")
    return why


def _reaches(change: float, bar: float) -> bool:
    # The figures are binary fractions: 85.0 to 86.0 must be one point, whatever the last bit says.
    return change >= bar - 1e-9 * max(1.0, bar)


def _claim(row: Row | None) -> tuple[bool, str] | None:
    return (row["value"] == 0, row["value_state"] if row["value"] == 0 else "") if row else None


def _printed(row: Row | None) -> tuple[Any, ...] | None:
    return (row.get("display_value"), row["value_state"], row["target_status"]) if row else None


def _figures(
    before: Mapping[str, list[Row]], now: Mapping[str, list[Row]], reasons: Sequence[Reason], sources: Sources
) -> list[Row]:
    """One row per figure of ``metric_values`` that differs, headline figures first, then by key."""
    old, new = _by_cell(before), _by_cell(now)
    quarters = [{row["fiscal_quarter"] for row in side.get("dim_quarter", [])} for side in (before, now)]
    known = {row["metric_id"]: row for side in (before, now) for row in side.get("dim_metric", [])}
    headline = {_cell({**row, "dimension": TOTAL, "dimension_value": "ALL"})
                for side in (before, now) for row in side.get("headline", [])}  # fmt: skip
    rows = []
    for cell in old.keys() | new.keys():
        was, is_now = old.get(cell), new.get(cell)
        if was is not None and is_now is not None and _same(was, is_now):
            continue
        metric = known.get(cell[0], {})
        why = why_material(was, is_now, metric.get("unit"), is_headline=cell in headline)
        is_withheld = any(side is not None and side["value_state"] in WITHHELD for side in (was, is_now))
        named = dict(zip(CELL, cell, strict=True))
        # A quarter that comes or goes, goes with all its figures.
        is_of_both = all(named["fiscal_quarter"] in side for side in quarters)
        behind = sources.get(cell[0], frozenset()) if is_of_both and not is_withheld else frozenset()
        then, value = (side["value"] if side else None for side in (was, is_now))
        row = {
            "change": _change(was, is_now),
            **named,
            "title": metric.get("title"),
            "unit": metric.get("unit"),
            "is_headline": cell in headline,
            "difference": None if then is None or value is None else value - then,
            "is_material": bool(why),
            "why_material": " ".join(why),
            "reasons": " ".join(reason.code for reason in reasons if reason.bears_on(behind)),
        }
        for name, side in (("old", was), ("new", is_now)):
            row |= {
                f"{name}_value": side["value"] if side else None,
                f"{name}_display": _display(side) if side else None,
                f"{name}_state": side["value_state"] if side else None,
                f"{name}_target_status": side["target_status"] if side else None,
            }
        rows.append({column: row[column] for column in REVISION.columns})
    unexplained = sorted({row["metric_id"] for row in rows if not row["reasons"]})
    if unexplained:
        raise HrddError(
            "A figure differs from the release before, and nothing that is new lies behind it.",
            found=", ".join(unexplained[:8]) + (f" and {len(unexplained) - 8} more" if len(unexplained) > 8 else ""),
            expected="figures that differ only where a new delivery or another computation lies upstream",
            rule="publish/reasons.py; dim_metric_source",
            next_step="this is a defect of the computation or of its lineage: find and mend it, then build again",
        )
    return sorted(rows, key=lambda row: (not row["is_headline"], *(str(row[name]) for name in CELL)))


def _by_cell(tables: Mapping[str, list[Row]]) -> dict[tuple[Any, ...], Row]:
    shown = {
        _cell({"dimension": TOTAL, "dimension_value": "ALL", **row}): row["display_value"]
        for name in ("trend", *THEMES)
        for row in tables.get(name, [])
    }
    return {_cell(row): {**row, "display_value": shown.get(_cell(row))} for row in tables.get("metric_values", [])}


def _cell(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in CELL)


def _change(old: Row | None, new: Row | None) -> str:
    if old is None or new is None:
        return "added" if old is None else "removed"
    stands = new["value_state"] == FROZEN and (old["numerator"], old["value"]) == (new["numerator"], new["value"])
    return "kept" if stands else "changed"


def _same(old: Row, new: Row) -> bool:
    compared = ("numerator", "denominator", "value", "value_state", "target_value", "target_status", "display_value")
    return all(old.get(name) == new.get(name) for name in compared)


def _display(row: Row) -> str:
    return row["display_value"] or ("" if row["value"] is None else number_text(row["value"]))


def _schema(before: Mapping[str, list[Row]], tables: Mapping[str, Table]) -> dict[str, Any]:
    old = {name: set(rows[0]) for name, rows in before.items() if rows}
    new = {name: {column.name for column in table.columns} for name, table in tables.items()}
    both = sorted(old.keys() & new.keys())
    return {
        "tables_added": sorted(new.keys() - before.keys()),
        "tables_removed": sorted(before.keys() - new.keys()),
        "columns_added": {name: sorted(new[name] - old[name]) for name in both if new[name] - old[name]},
        "columns_removed": {name: sorted(old[name] - new[name]) for name in both if old[name] - new[name]},
    }


def _row_counts(old: list[Row], new: list[Row], name: str) -> dict[str, int]:
    key = TABLES[name].key if name in TABLES else ()
    sides = [{tuple(str(row.get(part)) for part in key): row for row in rows} for rows in (old, new)]
    both = sides[0].keys() & sides[1].keys()
    return {
        "before": len(old),
        "now": len(new),
        "added": len(sides[1].keys() - both),
        "removed": len(sides[0].keys() - both),
        "changed": sum(sides[0][cell] != sides[1][cell] for cell in both),
    }


def _perimeter(tables: Mapping[str, list[Row]]) -> list[tuple[str, ...]]:
    counted = ("entity_code", "valid_from", "valid_to", "country_iso2", "region", "is_consolidated", "is_parent")
    return sorted(tuple(str(row.get(name)) for name in counted) for row in tables.get("dim_entity", []))


def _read(settings: Settings, release: Path) -> dict[str, list[Row]]:
    """The tables of a release as typed rows, by name; the release's own revision table is no figure."""
    found = {}
    with database.connect(settings, folders=[release / "tables"]) as connection:
        for file in sorted((release / "tables").glob("*.parquet")):
            if file.stem != REVISION.name:
                relation = connection.execute("select * from read_parquet(?)", [str(file)])
                names = [column[0] for column in relation.description]
                found[file.stem] = [dict(zip(names, values, strict=True)) for values in relation.fetchall()]
    return found
