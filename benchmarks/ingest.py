"""What reading strictly costs: a CSV of ten million records, and a workbook of 100,000, beside plain DuckDB.

Both write typed Parquet from the same file in the same run, with the same two threads. Plain DuckDB checks nothing but
that it can cast; here every check is on. Once DuckDB writes what anybody would have it write, once the form of Parquet
that is written here, which costs less.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

RECORDS = 10_000_000
ROWS = 100_000
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: bench.case
version: 1.0.0
status: active
schema:
- name: case
  properties:
  - {name: case_id, logicalType: string, primaryKey: true}
  - {name: received_on, logicalType: date, required: true}
  - {name: submitted_at, logicalType: timestamp}
  - name: region
    logicalType: string
    quality: [{type: library, metric: invalidValues, arguments: {validValues: [JP, EMEA, APAC]}, mustBe: 0}]
  - {name: country_iso2, logicalType: string, logicalTypeOptions: {pattern: '[A-Z]{2}'}}
  - {name: intake, logicalType: string}
  - {name: entity_code, logicalType: string}
  - {name: anonymous, logicalType: boolean}
  - {name: days_open, logicalType: integer}
  - {name: amount, logicalType: number, physicalType: 'DECIMAL(12,2)'}
  - {name: note, logicalType: string}
  - {name: reference, logicalType: string}
"""
TABLE = """
select 'C' || lpad(i::varchar, 9, '0') as case_id, (date '2020-04-01' + (i * 7919 % 1096)::int)::date as received_on,
    {instant} as submitted_at, ['JP', 'EMEA', 'APAC'][1 + i % 3] as region,
    ['JP', 'AU', 'DE', 'CN', 'US'][1 + i % 5] as country_iso2, ['WEB', 'PHONE', 'MAIL'][1 + i % 3] as intake,
    'E' || lpad((i * 31 % 977)::varchar, 4, '0') as entity_code, i * 31 % 3 = 0 as anonymous, i * 17 % 365 as days_open,
    ((i * 7919 % 10000000) / 100)::decimal(12, 2) as amount,
    'handled by office ' || (i * 13 % 997) || ', follow-up' as note, md5(i::varchar) as reference
from range({records}) as t(i)
"""
INSTANT = "strftime(timestamp '2020-04-01' + to_seconds(i * 7919 % 90000000), '%Y-%m-%dT%H:%M:%S+09:00')"


def measure(folder: Path, records: int = RECORDS, rows: int = ROWS) -> list[dict[str, Any]]:
    """Write both files into a folder and read them; returns what each reader took.

    Each reader runs in a process of its own, so that ``peak_mb`` is its own.
    """
    contract, big, book = folder / "case.yaml", folder / "case.csv", folder / "case.xlsx"
    contract.write_text(CONTRACT, encoding="utf-8")
    table = TABLE.format(instant=INSTANT, records=records)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"copy ({table}) to '{big}' (format csv, header, quote '\"')")
        few = connection.execute(TABLE.format(instant=INSTANT, records=rows))
        names = [column[0] for column in few.description or []]
        with xlsxwriter.Workbook(book, {"constant_memory": True, "strings_to_urls": False}) as made:
            sheet = made.add_worksheet()
            day = made.add_format({"num_format": "yyyy-mm-dd"})
            sheet.write_row(0, 0, names)
            for number, row in enumerate(few.fetchall(), 1):
                for place, value in enumerate(row):
                    if place == 1:
                        sheet.write_datetime(number, place, value, day)
                    else:
                        sheet.write(number, place, value)
    runs = [
        ("plain DuckDB, CSV", "plain", big, records),
        ("plain DuckDB, CSV, this form of Parquet", "alike", big, records),
        ("hrdd, CSV", "strict", big, records),
        ("hrdd, XLSX", "strict", book, rows),
    ]
    return [_run(label, way, file, contract, folder, count) for label, way, file, count in runs]


def _run(label: str, way: str, file: Path, contract: Path, folder: Path, records: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.ingest", way, str(file), str(contract), str(folder)]
    seconds, peak, loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    if int(loaded) != records:
        raise RuntimeError(f"{label} loaded {loaded} of {records} records")
    size = file.stat().st_size / 1e6
    took = float(seconds)
    return {
        "reader": label,
        "seconds": took,
        "mb_per_second": size / took,
        "records_per_second": records / took,
        "peak_mb": float(peak),
    }


def plain(file: Path, contract: Path, folder: Path) -> int:
    """What anybody would write. Returns the number of records."""
    return _copied(file, folder, "(format parquet, compression zstd)")


def alike(file: Path, contract: Path, folder: Path) -> int:
    """The same in the form in which this house writes Parquet. Returns the number of records."""
    from ingest.reading import parquet_form

    return _copied(file, folder, parquet_form(12))


def _copied(file: Path, folder: Path, form: str) -> int:
    with duckdb.connect(config={"threads": 2}) as connection:
        query = f"copy (from read_csv('{file}')) to '{folder / 'plain.parquet'}' {form}"
        return int(connection.execute(query).fetchall()[0][0])


def strict(file: Path, contract: Path, folder: Path) -> int:
    """The same file by its contract, every check on: all that ``hrdd load PATH`` does, from the SHA-256 of the bytes
    that were read to the quarantine and the receipt. Returns the number of records loaded."""
    from ingest.alone import load_file
    from pipeline.settings import PROJECT, Settings

    settings = Settings.load(PROJECT / "samples" / "settings.toml", folder / "data")
    receipt, _ = load_file(settings, file, str(contract), folder / "into")
    return int(receipt["loaded"])


def peak_mb() -> float:
    """The most memory that this process held (MB)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux: what getrusage says begins with what the parent held when it started this process.
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    way, *places = sys.argv[1:]
    began = time.perf_counter()
    loaded = {"plain": plain, "alike": alike, "strict": strict}[way](*map(Path, places))
    took = time.perf_counter() - began
    print(took, peak_mb(), loaded)
