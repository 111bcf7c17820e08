"""The sample year at the size of a large company, for benchmarks: its loaded extracts, copied under other keys.

Over a data folder in which it was landed, loaded and checked: ``python -m samples.scale --data FOLDER --scale 1``.
Scale 1 is about 100,000 workers, 600,000 assignments, 20,000 suppliers, 2,000,000 spend lines and the sample's cases.
A copy of a person is another person with the same year, so every rate stays what it is and every count grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from pipeline import store
from pipeline.database import connect, quoted
from pipeline.settings import PROJECT, Settings

SAMPLE_YEARS = 2  # FY2022 and FY2023
PEOPLE, SUPPLIERS = 4, 8  # copies at scale 1: of 26,000 workers, of 2,500 suppliers


@dataclass(frozen=True)
class Copies:
    """How an extract grows: ``within`` copies of each row for each of its ``of`` owners' copies.

    ``owners`` are the columns that name the owner and follow its copy; ``own`` are the row's own key, new in each copy.
    """

    of: int
    owners: tuple[str, ...]
    own: tuple[str, ...] = ()
    within: int = 1


EXTRACTS = {
    ("hr", "worker_month"): Copies(PEOPLE, ("worker_key", "person_key")),
    ("hr", "leave"): Copies(PEOPLE, ("worker_key",)),
    ("training", "learner_xref"): Copies(PEOPLE, ("learner_id", "worker_key", "person_key")),
    ("training", "completion"): Copies(PEOPLE, ("learner_id",), ("completion_id",)),
    ("training", "attendance"): Copies(PEOPLE, ("learner_id",), ("sign_in_no",)),
    ("training", "assignment"): Copies(PEOPLE, ("learner_id",), ("assigned_on",), within=6),
    ("procurement", "supplier"): Copies(
        SUPPLIERS, ("supplier_id", "canonical_supplier_id", "duplicate_of", "parent_supplier_id")
    ),
    ("procurement", "declaration"): Copies(SUPPLIERS, ("supplier_id",), ("declaration_id",)),
    ("procurement", "assessment"): Copies(SUPPLIERS, ("supplier_id",), ("assessment_id",)),
    ("procurement", "audit"): Copies(SUPPLIERS, ("supplier_id",), ("audit_id",)),
    ("procurement", "spend"): Copies(SUPPLIERS, ("supplier_id",), ("invoice_id",), within=11),
}

# What grows behind the sample, year by year: a year's invoices need that year's rates.
AGED = EXTRACTS | {("procurement", "fx_rate"): Copies(1, ())}


def grow(settings: Settings, scale: int) -> dict[str, int]:
    """Make every loaded sample extract ``scale`` times the size of a large company; returns records by extract.

    Works on ``raw`` of a data folder that holds the sample year, loaded and checked; its receipts and verdicts are
    rewritten to speak of the new files, so a build takes them. For benchmarks only: nothing was landed or judged.
    """
    grown = {}
    for file in sorted(settings.place("raw").glob("*/*/*.parquet")):
        name = (file.parent.parent.name, file.parent.name)
        if name in EXTRACTS:
            grown["/".join(name)] = _grow(settings, file, EXTRACTS[name], scale)
    return grown


def age(settings: Settings, years: int) -> None:
    """Put copies of every loaded extract that grows behind it, until so many years lie before the sample's two.

    Each copy is a delivery of its own, known and dated two years before the one after it, of other persons' and
    suppliers' rows. The small extracts stay as they are. For benchmarks only, as ``grow``.
    """
    for file in sorted(settings.place("raw").glob("*/*/*.parquet")):
        name = (file.parent.parent.name, file.parent.name)
        for back in range(SAMPLE_YEARS, years + 1, SAMPLE_YEARS) if name in AGED else ():
            _age(settings, file, AGED[name], back)


def _age(settings: Settings, file: Path, copies: Copies, back: int) -> None:
    receipt, verdict = (store.read_json(file.with_suffix(ending)) for ending in (".json", ".verdict.json"))
    extract_id = store.sha256_bytes(f"{receipt['extract_id']} {back}".encode())
    older = file.with_name(f"{extract_id}.parquet")
    with connect(settings, folders=[file.parent], ordered=False) as connection:
        kinds = connection.execute(f"select column_name, column_type from (describe from {_literal(file)})").fetchall()
        changed = [
            f"cast({quoted(column)} - interval {back} year as {kind}) as {quoted(column)}"
            for column, kind in kinds
            if kind in ("DATE", "TIMESTAMP")
        ]
        changed += [
            f"{quoted(column)} || '/{back}' as {quoted(column)}" for column in copies.own if column.endswith("_id")
        ]
        changed.append(f"'{extract_id}' as _extract_id")
        connection.execute(
            f"copy (select * replace ({', '.join(changed)}) from {_literal(file)})"
            f" to {_literal(older)} (format parquet, compression zstd)"
        )
    digest = store.sha256_file(older)
    moments = {name: _years_before(receipt[name], back) for name in ("known_at", "as_of_date", "quarter")}
    changes = {"extract_id": extract_id, "parquet_sha256": digest}
    store.write_json(older.with_suffix(".json"), receipt | moments | changes)
    files = {(f"{extract_id}.parquet" if path.endswith(".parquet") else path): digest for path in verdict["files"]}
    store.write_json(older.with_suffix(".verdict.json"), verdict | {"extract_id": extract_id, "files": files})


def _years_before(written: str, back: int) -> str:
    """A date, a moment or a fiscal quarter as written, so many years earlier."""
    digits = next(at for at, sign in enumerate(written) if sign.isdigit())
    return f"{written[:digits]}{int(written[digits : digits + 4]) - back}{written[digits + 4 :]}"


def _grow(settings: Settings, file: Path, copies: Copies, scale: int) -> int:
    aside = file.with_suffix(".grown")
    owners = copies.of * scale
    with connect(settings, folders=[file.parent], ordered=False) as connection:
        source = _literal(file)
        kinds = dict(connection.execute(f"select column_name, column_type from (describe from {source})").fetchall())
        changed = [_key(column, kinds[column], f"(copy % {owners})", owners) for column in copies.owners]
        changed += [_key(column, kinds[column], "copy", owners) for column in copies.own]
        changed.append(f"source._row_number * {owners * copies.within} + copy as _row_number")
        written = connection.execute(
            f"copy (select source.* replace ({', '.join(changed)}) from {source} as source"
            f" cross join range({owners * copies.within}) as copies(copy))"
            f" to {_literal(aside)} (format parquet, compression zstd)"
        ).fetchone()
    records = int(written[0]) if written else 0
    file.unlink()
    aside.rename(file)
    digest = store.sha256_file(file)
    receipt = store.read_json(file.with_suffix(".json"))
    verdict = store.read_json(file.with_suffix(".verdict.json"))
    verdict["files"] = {path: digest if path.endswith(".parquet") else old for path, old in verdict["files"].items()}
    store.write_json(file.with_suffix(".json"), receipt | {"parquet_sha256": digest, "loaded": records})
    store.write_json(file.with_suffix(".verdict.json"), verdict)
    return records


def _key(column: str, kind: str, copy: str, owners: int) -> str:
    """The column in a copy: the first copy keeps the sample's own key, a day goes back by one."""
    name = f"source.{quoted(column)}"
    if kind == "VARCHAR":
        return f"case when {copy} = 0 then {name} else {name} || '-' || {copy} end as {quoted(column)}"
    if kind == "DATE":
        return f"{name} - cast(floor(copy / {owners}) as integer) as {quoted(column)}"
    return f"{name} + {copy} * 1000000 as {quoted(column)}"


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="The sample's data folder.")
@click.option("--scale", type=click.IntRange(1), required=True, help="How many times a large company.")
def main(data: Path, scale: int) -> None:
    """Make the loaded extracts of the sample year as large as those of a large company, or some times that."""
    for name, records in grow(Settings.load(PROJECT / "samples" / "settings.toml", data), scale).items():
        click.echo(f"{name}: {records:,} records")


if __name__ == "__main__":
    main()
