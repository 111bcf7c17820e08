"""audit-pack: everything that proves one figure, in one folder that can be handed over.

It is gathered from releases, receipts and ledgers, never from working files: nothing in it was withheld from readers,
and no record of a source is in it. Each file is listed with its SHA-256 in ``SHA256SUMS``.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.errors import HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from publish import approval, chain, diff, keys, transparency
from publish.manifest import APPROVAL, NAME, VERDICT
from publish.reasons import sources_of
from publish.released import of_quarter
from publish.tables import as_csv
from publish.verify import verify

README = """\
# {metric}, {quarter}

What proves this figure, as it was on the day of gathering. `sha256sum --check SHA256SUMS` proves that nothing was
changed since; `hrdd verify` over the releases, and `hrdd reproduce {latest}`, prove the rest.

| File | What it holds |
|---|---|
| `definition.json` | the metric's definition in each release |
| `figures.csv` | every figure of the metric in each release: totals, quarters before, breakdowns as far as published |
| `changes.csv` | what each revision changed of it: old, new, whether material, why |
| `releases.json` | each release's manifest without its list of files: cut-off, code, settings, what it revises |
| `inputs.json` | each delivery: digest of its bytes and of its rows, receipts, records kept out and why |
| `checks.json` | the checks that each release passed, and each delivery behind it |
| `approvals.json` | every decision about this quarter, rejections too, each with its signature |
| `log.json` | the transparency log's lines about this quarter |
"""


def gather(settings: Settings, metric: str, quarter: FiscalQuarter, into: Path) -> list[str]:
    """Write the pack of one metric of one quarter into a new folder; returns the names of its files.

    Raises NotVerified if a release of the quarter does not prove itself, HrddError if there is nothing to gather.
    """
    folders = of_quarter(settings, quarter)
    for folder in folders:
        verify(folder, keys.trusted(settings))
    definitions = {_name(folder): row for folder in folders for row in _rows(folder, "dim_metric", metric)}
    if not definitions or into.exists():
        raise HrddError(
            f"There is nothing to gather about {metric[:60]!r} in {quarter}.",
            found=f"{into} exists" if definitions else f"{len(folders)} releases, none with this metric",
            expected="a metric that a release of the quarter defines, and a folder that is not there yet",
            rule="publish/audit.py",
            next_step="dictionary.csv of the release lists its metrics",
        )
    manifests = {_name(folder): store.read_json(folder / NAME) for folder in folders}
    figures = [{"release": _name(folder)} | row for folder in folders for row in _rows(folder, "metric_values", metric)]
    changes = [
        {"release": _name(folder)} | row for folder in folders for row in _rows(folder, diff.REVISION.name, metric)
    ]
    files = {
        "README.md": README.format(metric=metric, quarter=quarter, latest=_name(folders[-1])).encode(),
        "definition.json": store.canonical_json(definitions),
        "figures.csv": as_csv(list(figures[0]) if figures else ["release"], figures),
        "changes.csv": as_csv(["release", *diff.REVISION.columns], changes),
        "releases.json": store.canonical_json(
            {
                name: {field: value for field, value in manifest.items() if field not in ("files", "inputs")}
                for name, manifest in manifests.items()
            }
        ),
        "inputs.json": store.canonical_json(
            {name: _inputs(settings, manifest, metric) for name, manifest in manifests.items()}
        ),
        "checks.json": store.canonical_json(
            {_name(folder): store.read_json(folder / VERDICT)["checks"] for folder in folders}
        ),
        "approvals.json": store.canonical_json(
            {
                "decisions": [record for record in approval.decisions(settings) if record["quarter"] == str(quarter)],
                "released_on": {_name(folder): chain.digest(store.read_json(folder / APPROVAL)) for folder in folders},
            }
        ),
        "log.json": store.canonical_json(
            [
                record
                for record in chain.read(settings.place("releases", transparency.NAME))
                if record["quarter"] == str(quarter)
            ]
        ),
    }
    sums = "".join(f"{store.sha256_bytes(content)}  {name}\n" for name, content in sorted(files.items()))
    with store.put_folder(into) as temporary:
        for name, content in {**files, "SHA256SUMS": sums.encode()}.items():
            (temporary / name).write_bytes(content)
    return sorted([*files, "SHA256SUMS"])


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def _rows(folder: Path, table: str, metric: str) -> list[dict[str, Any]]:
    """The rows of a published table that speak of the metric, as the release printed them."""
    file = folder / "tables" / f"{table}.csv"
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["metric_id"] == metric]


def _inputs(settings: Settings, manifest: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """Each delivery of a release: its receipts and verdict, and whether dbt's lineage leads from it to the metric."""
    behind = sources_of(settings, settings.place("builds", manifest["quarter"], manifest["build_id"])).get(metric)
    found = []
    for delivery in manifest["inputs"]:
        family, extract, extract_id = delivery["family"], delivery["extract"], delivery["extract_id"]
        loaded = _record(settings.place("raw", family, extract, f"{extract_id}.json"))
        verdict = _record(settings.place("raw", family, extract, f"{extract_id}.verdict.json"))
        found.append(
            {
                **delivery,
                "is_behind_the_figure": f"{family}/{extract}" in behind if behind is not None else None,
                "landing_receipt": _record(settings.place("landed", family, extract, f"{extract_id}.json")),
                "rows_sha256": loaded["parquet_sha256"] if loaded else None,
                "kept_out": {"records": loaded["quarantined"], "reasons": loaded["reasons"]} if loaded else None,
                "load_receipt": loaded,
                "checks": verdict["checks"] if verdict else None,
            }
        )
    return found


def _record(path: Path) -> dict[str, Any] | None:
    return store.read_json(path) if path.exists() else None
