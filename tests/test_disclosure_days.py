"""What of a hotline's record leaves landed: no exact day, no site, no one's key; of ids, keyed pseudonyms only."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from sample_year import Built
from test_deliveries import Sent

from expectations import attack_groups
from expectations.extract_door import check_extracts
from expectations.extract_door import refusals as door_refusals
from ingest.contract import ADDED_BY_LOADING, contract, contracts
from ingest.land import land, refusals
from ingest.load import load
from ingest.pseudonym import LENGTH, add_key, keys
from pipeline import store
from pipeline.database import connect
from pipeline.errors import BadSettings
from pipeline.quarter import FiscalQuarter, start_in_sql
from pipeline.settings import PROJECT, Settings
from publish import groups
from samples.hotline import CASE, cases

# They describe desks and the calendar, and hold nothing of any report.
NO_REPORT = {"stg_hotline__channel", "int_quarters", "int_rosters"}
SENT = {
    "case_id": "RAW-CASE-17",
    "received_date": "2023-02-14",
    "first_reply_date": "2023-02-17",
    "closed_date": "2023-05-30",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with a file of its own keys."""
    sample = Settings.load(PROJECT / "samples" / "settings.toml", tmp_path / "data")
    add_key(tmp_path / "keys")
    return replace(sample, pseudonym_keys="keys", settings_file=tmp_path / "settings.toml")


def sent(settings: Settings, name: str, extract: str, *records: dict[str, str]) -> list[dict[str, Any]]:
    Sent("hotline", extract, records, f"2023-07-{len(name):02}T00:00:00Z", "2023-06-30").put(settings, name)
    land(settings)
    load(settings)
    files = settings.place("raw", "hotline", extract)
    with connect(settings, folders=[files]) as connection:
        found = connection.execute(f"from read_parquet('{files}/*.parquet') order by all")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def of_reports(sample: Built) -> dict[str, list[str]]:
    """Every table of the build that a row of a report can reach, with its columns of days and instants."""
    manifest = store.read_json(sample.folder / "target" / "manifest.json")
    nodes = manifest["nodes"] | manifest["sources"]
    reached = {name for name, node in nodes.items() if node.get("source_name") == "hotline"}
    reached -= {name for name in reached if nodes[name]["name"] == "channel"}
    while more := {
        name
        for name, node in nodes.items()
        if name not in reached
        and node["resource_type"] == "model"
        and reached & set(node["depends_on"]["nodes"])
        and node["name"] not in NO_REPORT
    }:
        reached |= more
    models = sorted(nodes[name]["name"] for name in reached if nodes[name]["resource_type"] == "model")
    columns = sample.rows(
        "select table_name, column_name from duckdb_columns() where data_type in ('DATE', 'TIMESTAMP',"
        " 'TIMESTAMP WITH TIME ZONE') order by all"
    )
    return {model: [column for table, column in columns if table == model] for model in models}


def test_d04_no_day_level_date_after_ingest_quarter_computed_at_ingest(sample: Built) -> None:
    """Check 4 over everything: whatever holds a day holds the first day of a quarter, in raw and in every model.

    Only the calendar's own column says a quarter's last day.
    """
    quarters = [FiscalQuarter(2010, 1).plus(number) for number in range(100)]
    starts, ends = [quarter.start for quarter in quarters], [quarter.end for quarter in quarters]
    checked = 0
    for model, columns in of_reports(sample).items():
        for column in columns:
            values = {value for (value,) in sample.rows(f'select distinct "{column}" from "{model}"')}
            assert values - {None} <= set(ends if column == "quarter_end" else starts), f"{model}.{column} holds days"
            checked += len(values) > 1
    assert checked > 8
    for family, extract in contracts():
        if family != "hotline" or extract == "channel":
            continue
        for file in sample.settings.place("raw", family, extract).glob("*.parquet"):
            with connect(sample.settings, folders=[file.parent]) as connection:
                kinds = connection.execute(f"describe from read_parquet('{file}')").fetchall()
                days = [n for n, kind, *_ in kinds if kind in ("DATE", "TIMESTAMP") and n not in ADDED_BY_LOADING]
                for name in days:
                    found = connection.execute(f"select distinct {name} from read_parquet('{file}')").fetchall()
                    assert {value for (value,) in found} - {None} <= set(starts)
    exact = {str(case.received) for case in cases()}
    texts = sample.rows("select * from stg_hotline__case") + sample.rows("select * from stg_hotline__contact")
    assert [value for row in texts for value in row if isinstance(value, str) and value[:10] in exact] == []


def test_d04_no_site_code_employee_number_or_text_of_a_report_after_ingest(sample: Built) -> None:
    """Check 4 and the no-join guarantee, over the columns that there are and the columns that could be sent."""
    unwanted = re.compile(r"site|plant|desk_of|employee|worker|person|learner|name|mail|phone|text|narrative|summary")
    harmless = {("worker_category", "VARCHAR"), ("person_count", "BIGINT")}
    headcounts = {("workers", "HUGEINT"), ("average_workers", "DECIMAL(18,4)")}  # of a company, from counts alone
    for model in of_reports(sample):
        columns = sample.rows(f"select column_name, data_type from duckdb_columns() where table_name = '{model}'")
        if not model.startswith(("stg_", "int_")):
            continue
        allowed = harmless | (headcounts if model == "int_companies_and_reports" else set())
        assert [column for column in columns if unwanted.search(column[0]) and column not in allowed] == [], model
    for (family, extract), terms in contracts().items():
        if family == "hotline" and extract != "channel":
            assert [column.name for column in terms.in_raw.columns if unwanted.search(column.name)] == []
            for forbidden in ("employee_id", "person_key", "worker_key", "reporter_name", "narrative", "email"):
                assert terms.forbids(forbidden)


@pytest.mark.parametrize("name", sorted(name for family, name in contracts() if family == "hotline"))
def test_every_contract_about_reports_has_a_clock_or_no_day(name: str) -> None:
    terms = contract("hotline", name)
    days = [column.name for column in terms.columns if column.kind in ("DATE", "TIMESTAMP")]
    if name == "channel":
        assert {column.classification for column in terms.columns} == {"internal"}
    else:
        assert terms.case_clock or not days
    kept = [column for column in terms.in_raw.columns if column.kind in ("DATE", "TIMESTAMP")]
    assert name == "channel" or all(column.name.endswith("_quarter") for column in kept)


def test_durations_within_a_case_stay_exact_across_extracts_and_its_days_do_not(settings: Settings) -> None:
    [case] = sent(settings, "a", "case", SENT)
    assert case["received_quarter"] == date(2023, 1, 1)
    assert case["closed_quarter"] == date(2023, 4, 1)
    assert case["first_reply_day"] - case["received_day"] == 3
    assert case["closed_day"] - case["received_day"] == (date(2023, 5, 30) - date(2023, 2, 14)).days
    one = {"contact_id": "1", "canonical_case_id": SENT["case_id"]}
    contacts = sent(settings, "ab", "contact", one | {"submitted_at": "2023-02-13T23:59:59.000001+09:00"},
                    one | {"contact_id": "2", "submitted_at": "2023-02-13T23:59:59+09:00"},
                    {"contact_id": "3", "canonical_case_id": "", "submitted_at": "2023-02-13T00:00:00Z"})  # fmt: skip
    by_day = {row["submitted_day"] for row in contacts}
    assert by_day == {case["received_day"] - 1, None}
    ticks = sorted(row["submitted_tick"] for row in contacts if row["submitted_tick"] is not None)
    assert ticks[1] - ticks[0] == 1
    [status] = sent(settings, "abc", "status_history", {"case_id": SENT["case_id"], "to_status": "NEW",
                                                        "changed_at": "2023-02-13T15:00:00Z"})  # fmt: skip
    assert status["changed_day"] == case["received_day"]  # the local day, not that of UTC


def test_the_clocks_of_two_cases_cannot_be_compared(settings: Settings) -> None:
    same_day = [SENT | {"case_id": f"RAW-CASE-{number}"} for number in range(40)]
    days = [row["received_day"] for row in sent(settings, "a", "case", *same_day)]
    assert len(set(days)) > 35
    assert max(days) - min(days) > 200_000


def test_the_quarter_is_that_of_the_local_day(settings: Settings) -> None:
    one = {"canonical_case_id": "RAW-CASE-17"}
    rows = sent(settings, "a", "contact", one | {"contact_id": "1", "submitted_at": "2023-03-31T14:59:59Z"},
                one | {"contact_id": "2", "submitted_at": "2023-03-31T15:00:00Z"})  # fmt: skip
    assert Counter(row["submitted_quarter"] for row in rows) == {date(2023, 1, 1): 1, date(2023, 4, 1): 1}


@effort(max_examples=200, deadline=None)
@given(st.dates(date(1900, 4, 1), date(2100, 12, 31)))
def test_sql_and_python_agree_on_the_start_of_a_quarter(day: date) -> None:
    with connect(Settings.load(PROJECT / "samples" / "settings.toml")) as connection:
        [(start,)] = connection.execute(f"select {start_in_sql('$1::date')}", [day]).fetchall()
    assert start == FiscalQuarter.containing(day).start


def test_without_a_manifest_a_delivery_names_its_quarter_and_not_the_day_of_its_latest_case(settings: Settings) -> None:
    file = settings.place("landing", "hotline", "case", "bare.csv")
    store.folder(file.parent)
    file.write_bytes(Sent("hotline", "case", (SENT,), "", "").content)
    land(settings)
    [receipt] = load(settings)
    assert (receipt["as_of_date"], receipt["quarter"]) == ("2023-03-31", "FY2023-Q4")
    assert not [f for f in settings.place("raw").rglob("*.json") if SENT["received_date"] in f.read_text()]


# Checks 2, 3 and 7: what passes the landing, and in which words a fault is told.

CANARY = "CANARY-7c1e"
HOTLINE = sorted(extract for family, extract in contracts() if family == "hotline")
# Reviewed by hand: a column more in any of these is a column more about people who report.
AFTER_LANDING = {
    "action": "case_id action_no type decided_quarter decided_day due_quarter due_day done_quarter done_day"
    " owner_division",
    "allegation": "case_id allegation_no category is_primary ground right_code",
    "case": "case_id received_quarter received_day opened_quarter opened_day alleged_incident_quarter"
    " alleged_incident_day region entity_code legal_class status determination closed_quarter closed_day"
    " first_reply_quarter first_reply_day feedback_quarter feedback_day committee_report_id severity cause_code",
    "category_history": "case_id allegation_no changed_quarter changed_day changed_tick from_category to_category",
    "channel": "channel valid_from valid_to languages entities reporter_types third_party anonymous last_test_on",
    "contact": "channel contact_id intake_method submitted_quarter submitted_day submitted_tick language kind"
    " reporter_type identity canonical_case_id",
    "status_history": "case_id changed_quarter changed_day changed_tick from_status to_status",
    "tombstone": "case_id reason deleted_quarter deleted_day deleted_tick",
}


def put_as_it_is(settings: Settings, extract: str, name: str, *lines: str) -> None:
    file = settings.place("landing", "hotline", extract, f"{name}.csv")
    store.folder(file.parent)
    file.write_text("\n".join(lines) + "\n")


def good(extract: str, **changes: str) -> tuple[list[str], list[str]]:
    """The header and one record that its contract accepts, with changes."""
    header, record = Sent("hotline", extract, (changes,), "", "").content.decode().splitlines()
    return header.split(","), record.split(",")


def told_by(settings: Settings, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    """Everything that anybody reads who is not let into the records: receipts, verdicts, errors, logs and streams."""
    landed, loaded = land(settings), load(settings)
    verdicts = check_extracts(settings)
    said = [str(part) for part in (landed, loaded, verdicts, *refusals(loaded), *door_refusals(verdicts))]
    said += [file.read_text() for file in settings.data.rglob("*.json*") if "quarantine" not in file.parts]
    return "\n".join([*said, caplog.text, *capfd.readouterr()])


@pytest.mark.parametrize("extract", HOTLINE)
def test_d02_a_column_beyond_the_contract_is_refused_without_a_word_of_what_is_in_it(
    settings: Settings, extract: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    header, record = good(extract)
    put_as_it_is(settings, extract, "added", ",".join([*header, "memo"]), ",".join([*record, CANARY]))
    put_as_it_is(settings, extract, "headless", ",".join([CANARY, *record[1:]]), ",".join(record))
    put_as_it_is(settings, extract, "story", ",".join([*header, "narrative"]), ",".join([*record, CANARY]))
    for place in range(len(header)):
        renamed, filled = list(header), list(record)
        renamed[place], filled[place] = "Free Text", CANARY
        put_as_it_is(settings, extract, f"renamed {place}", ",".join(renamed), ",".join(filled))
    said = told_by(settings, capfd, caplog)
    receipts = [store.read_json(file) for file in settings.place("raw", "hotline", extract).glob("?" * 64 + ".json")]
    refused = [receipt for receipt in receipts if receipt["outcome"] == "refused"]
    assert len(refused) >= 3 + sum(column.required for column in contract("hotline", extract).columns)
    assert CANARY not in said
    passed = [file for file in settings.place("raw").rglob("*") if file.is_file() and CANARY.encode() in open_(file)]
    assert passed == []


def open_(file: Path) -> bytes:
    """A file's bytes, of Parquet its values too, which lie compressed in it."""
    if file.suffix != ".parquet":
        return file.read_bytes()
    with connect(Settings.load(PROJECT / "samples" / "settings.toml"), folders=[file.parent]) as connection:
        return file.read_bytes() + repr(connection.execute(f"from read_parquet('{file}')").fetchall()).encode()


def test_d03_every_table_after_landing_has_the_reviewed_columns_and_no_others(sample: Built) -> None:
    assert AFTER_LANDING.keys() == set(HOTLINE)
    for extract, names in AFTER_LANDING.items():
        assert [column.name for column in contract("hotline", extract).in_raw.columns] == names.split()
        for file in sample.settings.place("raw", "hotline", extract).glob("*.parquet"):
            with connect(sample.settings, folders=[file.parent]) as connection:
                found = connection.execute(f"describe from read_parquet('{file}')").fetchall()
            assert [name for name, *_ in found] == [*names.split(), *ADDED_BY_LOADING]
    of_database = sample.rows("select table_name, column_name from duckdb_columns() where not internal")
    manifest = store.read_json(sample.folder / "target" / "manifest.json")
    described = {node["name"]: node["columns"] for node in manifest["nodes"].values()}
    reached = of_reports(sample)
    assert len(reached) > 20
    for model in reached:
        assert {column for table, column in of_database if table == model} <= described[model].keys(), model
    allowed = {name for names in AFTER_LANDING.values() for name in names.split()} | ADDED_BY_LOADING.keys()
    # What staging names anew: the digest of the delivery, and two columns of the channels, which are no reports.
    allowed |= {"extract_id", "is_anonymous", "is_third_party"}
    staged = {(table, name) for table, name in of_database if table.startswith("stg_hotline__")}
    assert {(table, name) for table, name in staged if name not in allowed} == set()


@pytest.mark.parametrize("extract", HOTLINE)
def test_d07_a_bad_code_or_a_wrong_type_in_a_report_is_told_without_the_value(
    settings: Settings, extract: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    header, record = good(extract)
    broken = []
    for place, column in enumerate(contract("hotline", extract).columns):
        if column.codes or column.physical_type != "VARCHAR":
            broken.append([*record[:place], CANARY, *record[place + 1 :]])
    put_as_it_is(settings, extract, "broken", ",".join(header), *(",".join(cells) for cells in [record, *broken]))
    said = told_by(settings, capfd, caplog)
    [file] = settings.place("raw", "hotline", extract).glob("?" * 64 + ".json")
    assert store.read_json(file)["quarantined"] == len(broken) > 0
    assert CANARY not in said
    assert CANARY.encode() not in b"".join(open_(file) for file in settings.place("raw").rglob("*.parquet"))


# Checks 5 and 6: the pseudonym of a case, its key and the key's rotation.


def under(settings: Settings, case_id: str) -> str:
    value = f"case:{case_id}"
    for line in (settings.settings_file.parent / "keys").read_text().split():
        value = hmac.new(bytes.fromhex(line), value.encode(), hashlib.sha256).hexdigest()[:LENGTH]
    return value


def test_d05_a_case_s_pseudonym_changes_with_the_key_and_is_no_plain_hash(tmp_path: Path) -> None:
    made = []
    for number in range(2):
        add_key(tmp_path / str(number) / "keys")
        sample = Settings.load(PROJECT / "samples" / "settings.toml", tmp_path / str(number) / "data")
        own = replace(sample, pseudonym_keys="keys", settings_file=tmp_path / str(number) / "settings.toml")
        [case] = sent(own, "a", "case", SENT)
        [allegation] = sent(own, "a", "allegation", {"case_id": SENT["case_id"]})
        assert case["case_id"] == allegation["case_id"] == under(own, SENT["case_id"])
        made.append(case["case_id"])
    assert made[0] != made[1]
    for form in (SENT["case_id"], f"case:{SENT['case_id']}"):
        plain = {hashlib.new(kind, form.encode()).hexdigest() for kind in ("sha256", "md5", "sha1", "sha512")}
        assert not [hashed for hashed in plain for pseudonym in made if pseudonym in hashed or hashed in pseudonym]


def test_d05_the_key_is_in_no_byte_that_a_load_leaves_and_without_it_the_load_fails(
    settings: Settings, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    sent(settings, "a", "case", SENT)
    secret = (settings.settings_file.parent / "keys").read_text().strip()
    forms = (secret.encode(), bytes.fromhex(secret))
    kept = [file for file in settings.data.rglob("*") if file.is_file()]
    assert len(kept) > 4
    assert [file for file in kept for form in forms if form in file.read_bytes()] == []
    assert secret not in "".join(capfd.readouterr()) + caplog.text + repr(keys(settings)) + str(vars(settings))
    (settings.settings_file.parent / "keys").unlink()
    with pytest.raises(BadSettings, match="keys of the pseudonyms"):
        load(settings)


def test_d06_a_rotation_leaves_the_counts_and_no_value_of_the_old_key(settings: Settings) -> None:
    rows = [SENT | {"case_id": f"RAW-CASE-{number}"} for number in range(9)]
    before = sent(settings, "a", "case", *rows)
    add_key(settings.settings_file.parent / "keys")
    load(settings)
    after = sent(settings, "a", "case", *rows)
    assert {row["case_id"] for row in after} == {under(settings, row["case_id"]) for row in rows}
    assert not {row["case_id"] for row in before} & {row["case_id"] for row in after}
    assert not {row["received_day"] for row in before} & {row["received_day"] for row in after}
    durations = [{row["closed_day"] - row["received_day"] for row in rows} for rows in (before, after)]
    assert durations[0] == durations[1] == {105}
    assert len(before) == len(after)
    assert [row["received_quarter"] for row in before] == [row["received_quarter"] for row in after]
    old = {row["case_id"].encode() for row in before}
    for file in settings.data.rglob("*.parquet"):
        assert not [value for value in old if value in file.read_bytes()]


def test_the_days_of_the_sample_are_exact_where_they_were_sent(sample: Built) -> None:
    """The tests above would pass over an empty hotline: the sample's files do hold days."""
    [file] = sample.settings.place("landing", "hotline", "case").glob("*.csv")
    days = re.findall(r"\d{4}-\d{2}-\d{2}", file.read_text())
    assert len(days) > 500
    assert len({day for day in days if datetime.fromisoformat(day).day != 1}) > 100
    assert "received_date" in CASE


def test_the_perimeters_are_those_of_the_build(sample: Built) -> None:
    """The protector and the attacker know them from the list of companies that a release holds."""
    names = ("entity_code", "valid_from", "valid_to", "country_iso2", "region", "is_consolidated", "is_parent")
    entities = [dict(zip(names, row, strict=True)) for row in sample.rows(f"select {', '.join(names)} from dim_entity")]
    found = sample.rows(
        "select distinct perimeter, fiscal_quarter, entity_code from int_entities_in_perimeter"
        " inner join dim_quarter on quarter_end between valid_from and valid_to"
    )
    quarters = {quarter for _, quarter, _ in found}
    assert len(quarters) >= 4
    assert set(found) == {
        (perimeter, quarter, code)
        for quarter in quarters
        for code, company in groups.companies_of(entities, "grp", quarter).items()
        for perimeter, is_inside in groups.PERIMETERS.items()
        if is_inside(company)
    }
    assert groups.PERIMETERS.keys() == attack_groups.INSIDE.keys()
    for company in entities:
        as_printed = {name: str(value) for name, value in company.items()}
        for perimeter, is_inside in groups.PERIMETERS.items():
            assert is_inside(company) == attack_groups.INSIDE[perimeter](as_printed)
