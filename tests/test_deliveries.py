"""A delivery is bytes and what its manifest says of them; what counts of many deliveries never hangs on their order."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from jinja2 import Environment, FileSystemLoader
from sample_year import Q4, Built, staging_alone

from dbt_project.build import DBT_PROJECT, Plan, dbt_variables, plan
from expectations.extract_door import check_extracts
from ingest.contract import contract, contracts
from ingest.land import land
from ingest.load import load
from ingest.pseudonym import LENGTH, SAMPLE_KEYS
from pipeline import store
from pipeline.database import connect
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from pipeline.status import extract_rows
from samples.write import write_samples

CUTOFF = "2023-04-14 15:00:00"


@dataclass(frozen=True)
class Sent:
    """One file as its sender writes it: its records in short, and what the manifest says."""

    family: str
    extract: str
    records: tuple[dict[str, str], ...]
    extract_ts: str
    as_of_date: str
    more: tuple[tuple[str, Any], ...] = ()

    @property
    def content(self) -> bytes:
        """CSV in which every required column that a record leaves out holds something good."""
        terms = contract(self.family, self.extract)
        names = [column.name for column in terms.columns]
        usual = {column.name: column.codes[0] for column in terms.columns if column.codes and column.required}
        usual |= {
            column.name: {"DATE": "2022-05-01", "BOOLEAN": "true", "TIMESTAMP": "2022-05-01T00:00:00Z"}.get(
                column.physical_type, "JP" if column.pattern else "1"
            )
            for column in terms.columns
            if column.required and column.name not in usual
        }
        lines = [",".join(names)]
        lines += [",".join((usual | record).get(name, "") for name in names) for record in self.records]
        return ("\n".join(lines) + "\n").encode()

    def put(self, settings: Settings, name: str) -> None:
        file = store.folder(settings.place("landing", self.family, self.extract)) / f"{name}.csv"
        manifest = {
            "source_system": "SAMPLE",
            "extract_ts": self.extract_ts,
            "as_of_date": self.as_of_date,
            "sha256": hashlib.sha256(self.content).hexdigest(),
        } | dict(self.more)
        file.with_name(file.name + ".manifest.json").write_text(json.dumps(manifest))
        file.write_bytes(self.content)


def entities(*names: str) -> tuple[dict[str, str], ...]:
    return tuple({"entity_code": name, "valid_from": "2020-04-01", "name": f"SAMPLE {name}"} for name in names)


def workers(day: str, *names: str) -> tuple[dict[str, str], ...]:
    return tuple({"as_of_date": day, "worker_key": name, "person_key": name} for name in names)


def cases(*ids: str, status: str = "NEW") -> tuple[dict[str, str], ...]:
    return tuple({"case_id": name, "received_date": "2023-02-01", "status": status} for name in ids)


def crowded(sent: Sent) -> Sent:
    """The same delivery with a hundred more workers a month: the door lets no smaller company in."""
    days = sorted({record["as_of_date"] for record in sent.records})
    more = tuple(record for day in days for record in workers(day, *(f"m{number}" for number in range(100))))
    return replace(sent, records=sent.records + more)


def goals(*ids: str, **changes: str) -> tuple[dict[str, str], ...]:
    usual = {"recorded_on": "2022-05-01", "recorded_by": "OFFICER", "approved_by": "HEAD", "issue": "SAMPLE"}
    return tuple(usual | {"record_id": name} | changes for name in ids)


def entity(names: tuple[str, ...], extract_ts: str, as_of_date: str) -> Sent:
    return Sent("hr", "entity", entities(*names), extract_ts, as_of_date)


A, B = ("E001", "E002"), ("E001", "E003")
SNAPSHOTS = [
    entity(A, "2022-07-04T00:00:00Z", "2022-06-30"),
    entity(B, "2022-10-04T00:00:00Z", "2022-09-30"),
    entity(A, "2023-01-04T00:00:00Z", "2022-12-31"),  # the bytes of the first, for a later quarter
    entity(B, "2023-04-03T00:00:00Z", "2023-03-31"),
    entity(A, "2023-04-05T00:00:00Z", "2023-03-31"),  # and again: the sender took B back
    entity((*A, "E004"), "2023-04-05T00:00:00Z", "2022-12-31"),  # late, and of an earlier day
    entity((*A, "E005"), "2023-05-20T00:00:00Z", "2023-03-31"),  # after the cut-off
]
PERIODS = [
    Sent("hr", "worker_month", workers("2023-01-31", "w1", "w2"), "2023-02-03T00:00:00Z", "2023-01-31"),
    Sent("hr", "worker_month", workers("2023-02-28", "w1", "w2", "w3"), "2023-03-03T00:00:00Z", "2023-02-28"),
    Sent("hr", "worker_month", workers("2023-01-31", "w1"), "2023-03-05T00:00:00Z", "2023-01-31"),
    Sent(
        "hr",
        "worker_month",
        workers("2023-02-28", "w2") + workers("2023-03-31", "w2", "w3"),
        "2023-04-04T00:00:00Z",
        "2023-03-31",
    ),
    Sent("hr", "worker_month", workers("2023-03-31", "w9"), "2023-04-04T00:00:00Z", "2023-03-31"),  # the same moment
    Sent("hr", "worker_month", workers("2023-03-31", "w1"), "2023-04-04T12:00:00Z", "2023-03-31"),
]
UPSERTS = [
    Sent("hotline", "case", cases("c1", "c2"), "2023-02-10T00:00:00Z", "2023-01-31"),
    Sent("hotline", "case", cases("c2", "c3", status="CLOSED"), "2023-03-10T00:00:00Z", "2023-02-28"),
    Sent("hotline", "case", cases("c1", "c2"), "2023-04-02T00:00:00Z", "2023-03-31"),  # reopened: the first bytes again
    Sent("hotline", "case", cases("c3", status="REOPENED"), "2023-04-02T00:00:00Z", "2023-03-31"),
    Sent("hotline", "case", cases("c4"), "2023-04-03T00:00:00Z", "2023-03-31"),
    Sent("hotline", "case", cases("c4", status="PENDING"), "2023-04-03T00:00:00Z", "2023-03-31"),
    Sent("hotline", "case", cases("c5"), "2023-06-03T00:00:00Z", "2023-03-31"),
]
APPENDS = [
    Sent("register", "salient_issue", goals("r1"), "2022-07-10T00:00:00Z", "2022-06-30"),
    Sent("register", "salient_issue", goals("r2", supersedes_record_id="r1"), "2022-10-10T00:00:00Z", "2022-09-30"),
    Sent("register", "salient_issue", goals("r3", approved_by=""), "2023-01-10T00:00:00Z", "2022-12-31"),
    Sent("register", "salient_issue", goals("r3"), "2023-04-01T00:00:00Z", "2023-03-31"),
    Sent("register", "salient_issue", goals("r1"), "2023-04-02T00:00:00Z", "2023-03-31"),
    Sent("register", "salient_issue", goals("r4", "r5"), "2023-04-02T00:00:00Z", "2023-03-31"),
]
STAGED = {
    ("hr", "entity"): (SNAPSHOTS, "entity_code", ["E001", "E002"]),
    ("hr", "worker_month"): (PERIODS, "strftime(as_of_date, '%m') || worker_key", ["01w1", "02w2", "03w1"]),
    ("hotline", "case"): (UPSERTS, "case_id || status", None),
    ("register", "salient_issue"): (APPENDS, "record_id", ["r2", "r3", "r4", "r5"]),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(PROJECT / "samples" / "settings.toml", tmp_path / "data")


def copy_of(sample: Built, data: Path) -> Settings:
    """The sample year as it was loaded and judged, to go on from; no build yet."""
    shutil.copytree(sample.settings.data, data, ignore=shutil.ignore_patterns("builds"))
    return Settings.load(data=data)


def arrive(settings: Settings, deliveries: list[Sent]) -> None:
    """Each delivery lands and is loaded before the next one is sent."""
    for number, sent in enumerate(deliveries):
        sent.put(settings, f"{number:03}")
        assert [receipt["outcome"] for receipt in land(settings) + load(settings)].count("refused") == 0


def staged(settings: Settings, family: str, extract: str) -> list[tuple[Any, ...]]:
    """The staging model of an extract over everything in raw: its own SQL, rendered without dbt."""
    environment = Environment(loader=FileSystemLoader(DBT_PROJECT))
    files = settings.place("raw", family, extract)
    names = {
        "source": lambda family, name: f"read_parquet('{files}/*.parquet', union_by_name = true)",
        "var": {"cutoff_at": CUTOFF}.get,
    }
    environment.globals |= names
    macros = environment.get_template("macros/delivery.sql").make_module()
    environment.globals |= {name: macro for name, macro in vars(macros).items() if not name.startswith("_")}
    query = environment.get_template(f"models/staging/{family}/stg_{family}__{extract}.sql").render()
    with connect(settings, folders=[settings.place("raw")]) as connection:
        return connection.execute(f"from ({query}) order by all").fetchall()


def pseudonym_of(name: str, kind: str = "worker") -> str:
    return hmac.new(SAMPLE_KEYS[0], f"{kind}:{name}".encode(), hashlib.sha256).hexdigest()[:LENGTH]


def values(settings: Settings, family: str, extract: str, expression: str) -> list[str]:
    rows = staged(settings, family, extract)
    terms = contract(family, extract)
    names = [column.name for column in terms.in_raw.columns if column.name != "note"]
    named = [dict(zip(names, row, strict=False)) for row in rows]
    if expression == "strftime(as_of_date, '%m') || worker_key":
        names = {pseudonym_of(name): name for name in ("w1", "w2", "w3", "w9")}
        return sorted(f"{row['as_of_date']:%m}{names[row['worker_key']]}" for row in named)
    cases = {pseudonym_of(name, "case"): name for name in ("c1", "c2", "c3", "c4", "c5")}
    return sorted("".join(cases.get(row[part], row[part]) for part in expression.split(" || ")) for row in named)


def test_the_same_bytes_for_a_later_quarter_are_a_delivery_of_that_quarter(settings: Settings) -> None:
    arrive(settings, [SNAPSHOTS[0], SNAPSHOTS[2]])
    receipts = [store.read_json(file) for file in sorted(settings.place("raw", "hr", "entity").glob("*.json"))]
    assert sorted(receipt["quarter"] for receipt in receipts) == ["FY2023-Q1", "FY2023-Q3"]
    assert len({receipt["bytes_sha256"] for receipt in receipts}) == 1
    kept = [file.name for file in settings.place("landed", "hr", "entity").iterdir() if not file.suffix]
    assert kept == [receipts[0]["bytes_sha256"]]
    check_extracts(settings)
    for quarter in (FiscalQuarter(2023, 1), FiscalQuarter(2023, 3)):
        assert not any(line.startswith("hr/entity:") for line in plan(settings, quarter).missing)
    assert any(line.startswith("hr/entity:") for line in plan(settings, FiscalQuarter(2023, 2)).missing)


def test_a_b_a_is_a(settings: Settings) -> None:
    arrive(settings, SNAPSHOTS[:3])
    assert values(settings, "hr", "entity", "entity_code") == ["E001", "E002"]


def test_the_same_delivery_again_is_recorded_and_changes_nothing(settings: Settings) -> None:
    arrive(settings, [SNAPSHOTS[0]])
    before = store.checksums(settings.place("raw"))
    SNAPSHOTS[0].put(settings, "again")
    assert (land(settings), load(settings)) == ([], [])
    assert store.checksums(settings.place("raw")) == before
    outcomes = [line["outcome"] for line in store.read_lines(settings.place("landed", "arrivals.jsonl"))]
    assert outcomes == ["landed", "repeat"]


@pytest.mark.parametrize("first", ["with a manifest", "without"])
def test_bytes_of_which_nothing_is_said_add_nothing(settings: Settings, first: str) -> None:
    arrive(settings, [SNAPSHOTS[0]])
    bare = settings.place("landing", "hr", "entity", "bare.csv")
    bare.write_bytes(SNAPSHOTS[0].content if first == "with a manifest" else SNAPSHOTS[1].content)
    assert len(land(settings)) == (first == "without")
    bare.with_name("bare-again.csv").write_bytes(bare.read_bytes())
    assert land(settings) == []


def test_a_fact_that_the_sender_adds_makes_a_delivery_and_any_other_word_does_not(settings: Settings) -> None:
    one = SNAPSHOTS[0]
    arrive(settings, [one])
    for number, (words, is_new) in enumerate(
        [
            ({"source_system": "SAMPLE of another name"}, False),
            ({"extract_ts": "2022-07-04T09:00:00+09:00"}, False),  # the same moment
            ({"extract_ts": "2022-07-04T09:00:01+09:00"}, True),
            ({"as_of_date": "2022-07-01"}, True),
        ]
    ):
        Sent("hr", "entity", one.records, one.extract_ts, one.as_of_date, tuple(words.items())).put(
            settings, f"{number}"
        )
        assert [receipt["outcome"] for receipt in land(settings)] == ["landed"] * is_new


def test_p9_of_two_files_for_one_day_the_one_known_later_counts_and_both_are_kept(settings: Settings) -> None:
    arrive(settings, [SNAPSHOTS[4], SNAPSHOTS[3]])  # B of the third, and A of the fifth, which came first
    assert values(settings, "hr", "entity", "entity_code") == ["E001", "E002"]
    receipts = [store.read_json(file) for file in settings.place("raw", "hr", "entity").glob("*.json")]
    assert {(receipt["quarter"], receipt["outcome"]) for receipt in receipts} == {("FY2023-Q4", "loaded")}
    assert sum(not file.suffix for file in settings.place("landed", "hr", "entity").iterdir()) == 2


@pytest.mark.parametrize(
    ("records", "stopped_by"),
    [
        (40, None),
        (0, "ExpectAPlausibleNumberOfRecords"),
        (1, "ExpectTheUsualVolume"),
        (4, "ExpectTheUsualVolume"),
        (160, "ExpectTheUsualVolume"),
    ],
    ids=["as before", "header only", "one record", "a tenth", "four times"],
)
def test_p14_a_size_that_is_not_the_usual_has_a_verdict_of_its_own(
    settings: Settings, records: int, stopped_by: str | None
) -> None:
    sizes = {"2023-01-04T00:00:00Z": (40, "2022-12-31"), "2023-04-05T00:00:00Z": (records, "2023-03-31")}
    for moment, (size, day) in sizes.items():
        arrive(settings, [entity(tuple(f"E{number:03}" for number in range(size)), moment, day)])
        verdicts = check_extracts(settings)
    failed = [check["check"] for check in verdicts[0]["checks"] if check["status"] != "passed"]
    assert verdicts[0]["passed"] == (stopped_by is None)
    assert (stopped_by in failed) == (stopped_by is not None), failed


def test_p30_the_name_of_a_file_is_in_nothing_that_a_template_reads(settings: Settings, tmp_path: Path) -> None:
    name = "{{ env_var('HOME') }}{% raw %}'); drop table x; --"
    SNAPSHOTS[3].put(settings, name)
    assert [receipt["outcome"] for receipt in land(settings) + load(settings)] == ["landed", "loaded"]
    check_extracts(settings)
    made = plan(settings, Q4)
    assert [delivery["extract"] for delivery in made.deliveries] == ["entity"]
    assert "env_var" not in json.dumps([dbt_variables(settings, made, tmp_path), made.deliveries, made.missing])
    [receipt] = settings.place("raw", "hr", "entity").glob("*[0-9a-f].json")
    assert store.read_json(receipt)["sent_as"] == name + ".csv"


@pytest.mark.parametrize(("family", "extract"), STAGED)
def test_p11_any_order_of_arrival_gives_the_same_table(tmp_path: Path, family: str, extract: str) -> None:
    deliveries, expression, expected = STAGED[family, extract]
    assert len(deliveries) >= 6
    seen = None
    for turn in range(8):
        settings = Settings.load(PROJECT / "samples" / "settings.toml", tmp_path / str(turn))
        shuffled = random.Random(turn).sample(deliveries, len(deliveries)) if turn else deliveries
        again = random.Random(turn).choice(deliveries)  # one is sent twice
        arrive(settings, [*shuffled, again])
        rows = staged(settings, family, extract)
        assert seen in (None, rows)
        seen = rows
    if expected is not None:
        assert values(settings, family, extract, expression) == expected
    else:
        found = values(settings, family, extract, expression)
        assert found[:3] == ["c1NEW", "c2NEW", "c3REOPENED"]
        assert found[3][:2] == "c4"
        assert len(found) == 4


def test_p11_dbt_stages_the_same_tables_in_any_order(sample: Built, tmp_path: Path) -> None:
    """The real thing: every staging model, by dbt, over the sample year and 19 more deliveries in two orders."""
    deliveries = [sent for group in STAGED.values() for sent in group[0] if sent.extract_ts < "2023-04-14"]
    after = copy_of(sample, tmp_path / "after")
    arrive(after, deliveries)
    before = Settings.load(PROJECT / "samples" / "settings.toml", tmp_path / "before")
    arrive(before, random.Random(7).sample(deliveries, len(deliveries)))
    write_samples(before)
    land(before)
    load(before)
    tables = [by_dbt(settings, tmp_path / f"dbt {number}") for number, settings in enumerate((after, before))]
    assert len(tables[0]) == sum(terms.staged for terms in contracts().values())
    assert tables[0] == tables[1]


def test_one_delivery_gives_the_same_table_without_looking_for_later_ones(sample: Built, tmp_path: Path) -> None:
    receipts = store.read_json(sample.folder / "inputs.json")["deliveries"]
    looking = by_dbt(sample.settings, tmp_path / "looking")
    trusting = by_dbt(sample.settings, tmp_path / "trusting", receipts)
    assert looking == trusting
    written = [
        (tmp_path / name / "target/run/due_diligence/models/staging/procurement/stg_procurement__spend.sql").read_text()
        for name in ("looking", "trusting")
    ]
    assert ["row_number()" in text for text in written] == [True, False]


def by_dbt(settings: Settings, folder: Path, deliveries: Sequence[dict[str, Any]] = ()) -> dict[str, str]:
    """A digest of each staging model as dbt makes it of everything in raw; ``deliveries`` if dbt is told of them."""
    store.folder(folder)
    (folder / "inputs").symlink_to(settings.place("raw"))
    cutoff = Q4.cutoff(10, settings.timezone)
    variables = dbt_variables(settings, Plan(Q4, "", cutoff, cutoff, list(deliveries), []), folder)
    project = str(staging_alone(folder / "project"))
    places = ["--project-dir", project, "--profiles-dir", project, "--log-path", str(folder / "logs")]
    places += ["--target-path", str(folder / "target"), "--vars", json.dumps(variables)]
    outcome = dbtRunner().invoke(["--quiet", "run", "--no-partial-parse", *places])
    DuckDBConnectionManager.close_all_connections()
    assert outcome.success, outcome.exception
    made = {}
    with connect(settings, folder / "due_diligence.duckdb", folders=[folder, settings.place("raw")]) as connection:
        names = connection.execute("select table_name from information_schema.tables order by all").fetchall()
        for (name,) in names:
            rows = f"select cast(record as varchar) as record from {name} as record"
            digest = f"select sha256(string_agg(record, chr(10) order by record)) from ({rows})"
            [(made[name],)] = connection.execute(digest).fetchall()
    return made


def counted(settings: Settings, family: str, extract: str) -> list[tuple[int, int]]:
    check_extracts(settings)
    file = settings.place("qa", "vanished_rows", family, extract + ".json")
    rows = store.read_json(file)["deliveries"] if file.exists() else []
    return [(row["vanished"], row["tombstoned"]) for row in rows]


@pytest.mark.parametrize(
    ("sent", "counts"),
    [
        (SNAPSHOTS[:1], []),
        (SNAPSHOTS[:3], [(1, 0), (1, 0)]),  # of the first one, nothing: another that comes must not change its build
        (list(map(crowded, PERIODS[:4])), [(0, 0), (1, 0), (2, 0)]),
        (UPSERTS[:4], []),  # changes only: nothing can be missing
        (
            [
                *UPSERTS[:2],
                Sent("hotline", "case", cases("c3"), "2023-04-03T00:00:00Z", "2023-03-31", (("coverage", "full"),)),
            ],
            [(2, 0)],
        ),
    ],
)
def test_keys_that_are_gone_are_counted_for_each_delivery(
    settings: Settings, sent: list[Sent], counts: list[tuple[int, int]]
) -> None:
    arrive(settings, sent)
    assert counted(settings, sent[0].family, sent[0].extract) == counts


def test_a_snapshot_cannot_be_a_part(settings: Settings) -> None:
    Sent("hr", "entity", entities("E001"), "2023-04-03T00:00:00Z", "2023-03-31", (("coverage", "delta"),)).put(
        settings, "a"
    )
    assert [receipt["outcome"] for receipt in land(settings)] == ["refused"]


def test_a_case_that_was_purged_at_the_source_is_reported(sample: Built, tmp_path: Path) -> None:
    settings = copy_of(sample, tmp_path / "data")
    (file,) = settings.place("landing", "hotline", "case").glob("*.csv")
    header, *records = file.read_text(encoding="utf-8").splitlines()
    at = header.split(",").index("received_date")
    gone = next(n for n, record in enumerate(records) if record.split(",")[at] > "2023-01-01")
    content = "\n".join([header, *records[:gone], *records[gone + 1 :]]) + "\n"
    purged = file.with_name("after-the-purge.csv")
    manifest = {"source_system": "SAMPLE", "extract_ts": "2023-04-13T00:00:00Z", "as_of_date": "2023-03-31"}
    purged.with_name(purged.name + ".manifest.json").write_text(json.dumps(manifest | {"coverage": "full"}))
    purged.write_text(content, encoding="utf-8")
    land(settings)
    [receipt] = load(settings)
    assert receipt["loaded"] == len(records) - 1
    assert counted(settings, "hotline", "case") == [(1, 0)]
    [shown] = [row for row in extract_rows(settings, Q4) if "vanished" in row["door"]]
    assert shown["extract"] == "hotline/case"
    assert "1 vanished" in shown["door"]
