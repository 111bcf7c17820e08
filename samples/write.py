"""Put the sample extracts into landing, as a sender would: the manifest first, so that no file arrives without one."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingest.contract import contract
from pipeline.errors import BadSettings
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from pipeline.store import canonical_json, sha256_bytes, write_bytes
from samples import business, conduct, governance, hotline, hr, procurement, register, remedies, safety, training
from samples.extract import LAST, Extract
from samples.next_year import END, extracts_through


def write_samples(settings: Settings, *, late: bool = False, through: FiscalQuarter = LAST) -> list[Path]:
    """Write the sample extracts of FY2023 Q4 into the landing folder and return their data files.

    ``late`` adds one delivery that comes after the release: categories for seven cases of the hotline. ``through`` a
    quarter of FY2024 adds all that this quarter and those before it wait for, as each of them is delivered. A file that
    is there with the same bytes is left alone, so a second call changes nothing.

    Raises BadSettings if the landing is not a local folder, the installation is not a sample one, or the sample has no
    such quarter.
    """
    if not LAST <= through <= END:
        raise BadSettings(
            "The sample year does not go through this quarter.",
            found=str(through),
            expected=f"a quarter from {LAST} to {END}",
            rule="samples/write.py, write_samples",
            next_step=f"leave --through out for the sample year alone, or write --through {END} for all there is",
        )
    landing = settings.landing_folder
    if landing is None or not settings.is_sample:
        raise BadSettings(
            "Sample extracts can only be written for a sample installation with a local landing.",
            found="a landing elsewhere" if landing is None else "is_sample = false",
            expected="is_sample = true, and a landing that is a local folder",
            rule="samples/write.py, write_samples",
            next_step="use samples/settings.toml, or put your own extracts into the landing",
        )
    extracts = [
        *hr.extracts(),
        *procurement.extracts(),
        *remedies.extracts(),
        *hotline.extracts(),
        *training.extracts(),
        *register.extracts(),
        *safety.extracts(),
        *conduct.extracts(),
        *governance.extracts(),
        *business.extracts(),
    ]
    extracts += extracts_through(through, extracts)
    if late:
        extracts.append(hotline.late_extract())
    return [_put(landing, extract) for extract in extracts]


def _put(landing: Path, extract: Extract) -> Path:
    content = _csv(extract)
    data = landing / extract.family / extract.extract / f"{extract.name}.csv"
    manifest = data.with_name(f"{data.name}.manifest.json")
    for path, wanted in ((manifest, canonical_json(_manifest(extract, content))), (data, content)):
        if not path.is_file() or path.read_bytes() != wanted:
            write_bytes(path, wanted)
    return data


def _csv(extract: Extract) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(extract.columns)
    writer.writerows(extract.rows)
    return text.getvalue().encode("utf-8")


def _manifest(extract: Extract, content: bytes) -> dict[str, Any]:
    promised = contract(extract.family, extract.extract)
    totals = {
        name: str(sum((Decimal(str(row[at])) for row in extract.rows), Decimal(0)))
        for name in extract.totals
        for at in [extract.columns.index(name)]
    }
    return {
        "source_system": extract.source_system,
        "extract_ts": extract.taken_at.isoformat(),
        "as_of_date": extract.as_of.isoformat(),
        "rows": len(extract.rows),
        "sha256": sha256_bytes(content),
        "schema_version": promised.version,
        "delivery": promised.delivery,
        "control_totals": totals,
        "contact": "SAMPLE",
    }
