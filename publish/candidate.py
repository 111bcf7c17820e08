"""prepare: make the candidate of a quarter, the very bytes that a reader will get if they are approved.

The build's database is read, never written. Its tables are protected first and rendered afterwards, so that no
renderer can print what must be withheld.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline import database, provenance, store
from pipeline.errors import BuildFailed, HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import claims, csvw, datapackage, diff, disclosure, exclusions, ledger, pack, page, tables, workbook
from publish import manifest as manifests
from publish.board import Board, Row, in_reading_order, tables_of
from publish.cells import CELL, COMPANY, TOTAL
from publish.dictionary import (
    COLUMNS,
    DICTIONARY_COLUMNS,
    FRAMEWORK_COLUMNS,
    TABLES,
    Published,
    dictionary_rows,
)
from publish.programme import Rules, programme
from publish.reasons import check_reasons, sources_of
from publish.released import by_name, of_quarter
from publish.wording import words_in

WITHHELD_CELLS = "qa_suppressed_cells"


def prepare(
    settings: Settings,
    quarter: FiscalQuarter,
    prepared_by: str | None = None,
    *,
    reasons: Iterable[str] = (),
    explanation: str = "",
) -> dict[str, Any]:
    """Make the candidate of the quarter's newest build the current one, and return its ``candidate.json``.

    The same build prepared again by the same person is the same candidate: nothing is written twice. ``reasons`` and
    ``explanation`` say why a revision differs from the release before it, beside what the records say.
    Raises MissingExtracts where the quarter cannot be built, BuildFailed where its build has not finished.
    """
    from dbt_project import build  # here, because dbt takes a second to import and only this verb asks it anything

    build_id = build.plan(settings, quarter).build_id
    return prepare_build(settings, quarter, build_id, prepared_by, reasons=reasons, explanation=explanation)


def prepare_build(
    settings: Settings,
    quarter: FiscalQuarter,
    build_id: str,
    prepared_by: str | None = None,
    *,
    reasons: Iterable[str] = (),
    explanation: str = "",
) -> dict[str, Any]:
    """The same for a build named by its id."""
    reasons = check_reasons(reasons)
    preparer = prepared_by or settings.preparer
    home = settings.place("candidates", str(quarter))
    board, inputs = read_board(settings, quarter, build_id, preparer)
    with store.alone(settings.place(".locks", f"candidate-{quarter}")):
        store.sweep(home)
        for baseline in _baselines(settings, quarter, build_id):
            if baseline:
                compared = diff.compare(
                    settings,
                    baseline,
                    board.tables,
                    inputs=inputs["deliveries"],
                    code=provenance.provenance(),
                    sources=sources_of(settings, settings.place("builds", str(quarter), build_id)),
                    reasons=reasons,
                    explanation=explanation,
                )
                board = replace(board, revision=compared)
            files = render(settings, board, home)
            sums = {path: store.sha256_bytes(content) for path, content in files.items()}
            digest = store.digest_of(sums)
            if digest in _released_digests(settings, quarter):
                break
        record = home / digest / "candidate.json"
        if not record.exists():
            with store.put_folder(home / digest) as folder:
                for path, content in files.items():
                    store.folder((folder / "files" / path).parent)
                    (folder / "files" / path).write_bytes(content)
                (folder / "candidate.json").write_bytes(
                    store.canonical_json(
                        {
                            "quarter": str(quarter),
                            "candidate_digest": digest,
                            "build_id": build_id,
                            "cutoff_at": inputs["cutoff_at"],
                            "is_sample": board.is_sample,
                            "prepared_by": preparer,
                            "prepared_at": settings.now().isoformat(),
                            "revises": board.revision.record["revises_manifest_digest"] if board.revision else None,
                            "settings": settings.chosen(),
                            "files": sums,
                            "inputs": inputs["deliveries"],
                            "withheld_cells": board.withheld_cells,
                            "code": provenance.provenance(),
                            "metric_versions": {
                                name: metric["definition_version"] for name, metric in sorted(board.metrics.items())
                            },
                        }
                    )
                )
        store.write_json(
            home / "current.json", {"quarter": str(quarter), "candidate_digest": digest, "build_id": build_id}
        )
        return store.read_json(record)


def current(settings: Settings, quarter: FiscalQuarter) -> tuple[Path, dict[str, Any]]:
    """The folder of the quarter's current candidate, and its ``candidate.json``."""
    home = settings.place("candidates", str(quarter))
    pointer = home / "current.json"
    if not pointer.exists():
        raise HrddError(
            f"{quarter} has no candidate.",
            found="no candidates of this quarter",
            expected="a candidate that `prepare` made",
            rule="publish/candidate.py",
            next_step=f"hrdd prepare {quarter}",
        )
    folder = home / store.read_json(pointer)["candidate_digest"]
    return folder, store.read_json(folder / "candidate.json")


def _baselines(settings: Settings, quarter: FiscalQuarter, build_id: str) -> list[Path | None]:
    """The releases to compare with, in turn: a build that was released is compared as it was then, to be the same."""
    places: list[Path | None] = [None, *of_quarter(settings, quarter)]
    builds = [store.read_json(place / manifests.NAME)["build_id"] for place in places[1:] if place]
    then = [before for before, other in zip(places, builds, strict=False) if other == build_id]
    return [*then, places[-1]]


def _released_digests(settings: Settings, quarter: FiscalQuarter) -> set[str]:
    return {store.read_json(place / manifests.NAME)["candidate_digest"] for place in of_quarter(settings, quarter)}


def read_board(
    settings: Settings, quarter: FiscalQuarter, build_id: str, prepared_by: str
) -> tuple[Board, dict[str, Any]]:
    """Read a finished build and protect it: what a reader may see, and the build's ``inputs.json``."""
    place = settings.place("builds", str(quarter), build_id)
    outcome = place / "build.json"
    if not outcome.exists() or store.read_json(outcome).get("outcome") != "succeeded":
        raise BuildFailed(
            f"{quarter} has no finished build to prepare.",
            found="no build record" if not outcome.exists() else "a build that did not succeed",
            expected="a build whose build.json says that it succeeded",
            rule="publish/candidate.py",
            next_step=f"hrdd build {quarter}",
        )
    inputs = store.read_json(place / "inputs.json")
    rows = _read(settings, place / "due_diligence.duckdb")
    rows["metric_values"] = [
        row
        for row in rows["metric_values"]
        if row["dimension"] in (TOTAL, COMPANY) or row["fiscal_quarter"] == str(quarter)
    ]
    rules = Rules(
        programme(), settings.disclosure_key(), below=settings.withhold_below, strict=settings.strict_disclosure
    )
    left_out = rows.pop(exclusions.TABLE)
    standing = ledger.first_published(settings, by_name(settings), quarter)
    inner = _inner(settings, place / "due_diligence.duckdb", quarter)
    protected = disclosure.protect(rows, inner, quarter, rules, standing)
    _say_what_was_withheld(protected, quarter)
    protected.tables[exclusions.TABLE] = exclusions.protect(
        left_out,
        {row["metric_id"]: row for row in rows["dim_metric"]},
        {row["metric_id"] for row in protected.tables["trend"] if row["fiscal_quarter"] == str(quarter)},
        rules.programme,
        rules.threshold,
        standing.left_out,
    )
    ordered = in_reading_order(protected.tables)
    ordered[claims.NAME] = claims.zero_claims(ordered, str(quarter))
    board = Board(
        company=settings.company,
        is_sample=bool(inputs["is_sample"]) or settings.is_sample,
        quarter=str(quarter),
        build_id=build_id,
        cutoff_at=datetime.fromisoformat(inputs["cutoff_at"]),
        standard_cutoff_at=datetime.fromisoformat(inputs["standard_cutoff_at"]),
        timezone=settings.timezone,
        prepared_by=prepared_by,
        deliveries=inputs["deliveries"],
        withhold_below=rules.threshold,
        first_published=standing.release,
        tables=tables_of(ordered),
        frameworks=_frameworks(settings, place / "due_diligence.duckdb"),
    )
    return board, inputs


def render(settings: Settings, board: Board, beside: Path) -> dict[str, bytes]:
    """Every file of the candidate, by its path: pure bytes of a protected board."""
    files: dict[str, bytes] = {}
    for name, table in board.published.items():
        files[f"tables/{name}.csv"] = tables.as_csv([column.name for column in table.columns], table.rows)
        files[f"tables/{name}.json"] = tables.as_json(table)
    if board.revision:
        files[diff.NAME] = store.canonical_json(board.revision.record)
    columns = {name: [column.name for column in table.columns] for name, table in board.published.items()}
    meanings = dictionary_rows(board.tables["dim_metric"].rows, columns, board.frameworks)
    files["dictionary.csv"] = tables.as_csv(DICTIONARY_COLUMNS, meanings)
    files["csv-metadata.json"] = store.canonical_json(csvw.describe(board))
    files["datapackage.json"] = store.canonical_json(datapackage.describe(board, files))
    files["programme.json"] = store.canonical_json(programme().content)
    files["board_figures.xlsx"] = workbook.render(board)
    files |= {name: pack.render(board, words_in(language)) for language, name in pack.NAMES.items()}
    with tempfile.TemporaryDirectory(dir=store.folder(beside), prefix=".put-") as scratch:
        tables.write_parquet(settings, board.published, Path(scratch))
        for name in board.published:
            files[f"tables/{name}.parquet"] = (Path(scratch) / f"{name}.parquet").read_bytes()
    pages = {name: page.render(board, files, words_in(language)) for language, name in page.NAMES.items()}
    files |= pages
    return dict(sorted(files.items()))


def _read(settings: Settings, file: Path) -> dict[str, list[Row]]:
    rows = {}
    with database.connect(settings, file, read_only=True) as connection:
        for name, published in TABLES.items():
            if published.is_derived:
                continue
            there = {
                column
                for (column,) in connection.execute(
                    "select column_name from information_schema.columns where table_schema = 'main' and table_name = ?",
                    [published.model],
                ).fetchall()
            }
            _check_columns(published, there)
            typed = ", ".join(
                f"cast({database.quoted(column)} as {tables.SQL_TYPES[COLUMNS[column].kind]})"
                for column in published.columns
            )
            found = connection.execute(f"select {typed} from main.{database.quoted(published.model)}").fetchall()
            rows[name] = [dict(zip(published.columns, values, strict=True)) for values in found]
    return rows


def _say_what_was_withheld(protected: disclosure.Protected, quarter: FiscalQuarter) -> None:
    """Fill in the one figure that no build can know: how many cells this candidate withholds."""
    for row in (row for rows in protected.tables.values() for row in rows):
        if row.get("metric_id") == WITHHELD_CELLS and row.get("fiscal_quarter") == str(quarter):
            number = float(protected.withheld_cells)
            row |= {"numerator": number, "value": number, "value_state": "MEASURED" if number else "MEASURED_ZERO"}
            if "display_value" in row:
                row["display_value"] = f"{protected.withheld_cells:,}"


def _inner(settings: Settings, file: Path, quarter: FiscalQuarter) -> disclosure.Inner:
    with database.connect(settings, file, read_only=True) as connection:
        rows = connection.execute(
            "select quarter_number, category, reporter_type, identity, cases from main.int_hotline_cube "
            "where fiscal_year = ? and quarter_number <= ? order by all",
            [quarter.fiscal_year, quarter.number],
        ).fetchall()
        firms = connection.execute(
            f"select {', '.join(CELL)}, firms from main.fct_metric_value"
            " where fiscal_quarter = ? and firms is not null",
            [str(quarter)],
        ).fetchall()
    names = ("quarter_number", "category", "reporter_type", "identity", "cases")
    return disclosure.Inner(
        [dict(zip(names, row, strict=True)) for row in rows],
        {tuple(cell): number for *cell, number in firms},
    )


def _frameworks(settings: Settings, file: Path) -> list[Row]:
    with database.connect(settings, file, read_only=True) as connection:
        found = connection.execute(
            f"select {', '.join(f'cast({name} as varchar)' for name in FRAMEWORK_COLUMNS)}"
            " from main.framework_map order by all"
        ).fetchall()
    return [dict(zip(FRAMEWORK_COLUMNS, row, strict=True)) for row in found]


def _check_columns(published: Published, there: set[str]) -> None:
    missing = [column for column in published.columns if column not in there]
    if missing:
        raise BuildFailed(
            f"The build does not hold what {published.name} publishes.",
            found=f"{published.model} without " + ", ".join(missing),
            expected="the columns that the dictionary lists for it",
            rule="publish/dictionary.py, TABLES",
            next_step="mend the model or the dictionary, then build again",
        )
