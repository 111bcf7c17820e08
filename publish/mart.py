"""The analysts' database: one read-only file a release, behind a pointer that is turned in one step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import database, store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish.dictionary import COLUMNS, TABLES

READ_ONLY = 0o440
POINTER = "due_diligence.duckdb"


def make(settings: Settings, release: Path, manifest: dict[str, Any]) -> Path:
    """Make the database of one release from its own Parquet tables, so that it holds nothing that was not approved.

    Each table bears its model's name, and a comment on itself and on each column. A file that is there is kept.
    """
    home = store.folder(settings.place("mart", "releases"))
    store.sweep(home)
    target = home / f"{manifest['quarter']}-r{manifest['revision']}.duckdb"
    if not target.exists():
        with store.put(target) as temporary:
            temporary.unlink()  # DuckDB makes its file itself
            _fill(settings, temporary, release, manifest)
    target.chmod(READ_ONLY)
    return target


def point(settings: Settings, quarter: FiscalQuarter, revision: int) -> None:
    """Turn the analysts' pointer to the database of a release."""
    target = settings.place("mart", "releases", f"{quarter}-r{revision}.duckdb")
    link = settings.place("mart", POINTER)
    if not link.is_symlink() or link.resolve() != target.resolve():
        store.point(link, target)


def _fill(settings: Settings, file: Path, release: Path, manifest: dict[str, Any]) -> None:
    tables = release / "tables"
    with database.connect(settings, file, folders=[tables]) as connection:
        for name, published in TABLES.items():
            model = database.quoted(published.model)
            connection.execute(f"create table {model} as from read_parquet(?)", [str(tables / f"{name}.parquet")])
            connection.execute(f"comment on table {model} is {_text(f'{published.title}. {published.grain}')}")
            for (column,) in connection.execute(f"select column_name from (describe {model})").fetchall():
                comment = _text(COLUMNS[column].description)
                connection.execute(f"comment on column {model}.{database.quoted(column)} is {comment}")
        connection.execute(
            "create table release as select ? as release, ? as quarter, ? as revision, ? as cutoff_at, "
            "? as manifest_digest, ? as is_sample",
            [
                manifest[name]
                for name in ("release", "quarter", "revision", "cutoff_at", "manifest_digest", "is_sample")
            ],
        )
        connection.execute("comment on table release is 'The release that this database holds. One row.'")
        for column, comment in RELEASE_COLUMNS.items():
            connection.execute(f"comment on column release.{database.quoted(column)} is {_text(comment)}")
        connection.execute("checkpoint")


RELEASE_COLUMNS = {
    "release": "Quarter and revision.",
    "quarter": "Fiscal quarter of the release.",
    "revision": "Revision: 1 for the first release of the quarter.",
    "cutoff_at": "Moment up to which deliveries are in the figures, UTC.",
    "manifest_digest": "Digest of the release's manifest.",
    "is_sample": "Whether the figures are made of invented sample data.",
}


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
