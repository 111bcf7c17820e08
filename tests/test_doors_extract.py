"""The extract door: each check meets what it must pass, what it must stop, and the boundary between them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sample_year import Built

from expectations import extract_door
from expectations.bounds import bounds
from expectations.neighbors import REFERENCES
from ingest.contract import Contract, contract, contracts
from pipeline import store
from pipeline.database import quoted
from pipeline.settings import Settings

MARKER = "SECRET-MARKER-7Q"
KNOWN_AT = "2023-04-07T00:00:00+00:00"
CHECKS = [record.check for record in bounds("extract").records]


@dataclass
class Delivery:
    """A delivery to write: what each column holds (SQL over ``i`` from 1), and what the receipts say about it."""

    family: str = "hotline"
    extract: str = "contact"
    rows: int = 100
    columns: dict[str, str] | None = None
    receipt: dict[str, Any] | None = None
    touch: Callable[[Path], None] = lambda file: None
    beside: tuple[Delivery, ...] = ()  # what is there before it
    name: str = ""

    def write(self, settings: Settings) -> Path:
        terms = contract(self.family, self.extract).in_raw
        content = {column.name: sql_for(terms, column.name) for column in terms.columns} | (self.columns or {})
        for other in self.beside:
            other.write(settings)
        extract_id = store.sha256_bytes(f"{self.family}/{self.extract}{self.name}".encode())
        file = store.folder(settings.place("raw", self.family, self.extract)) / f"{extract_id}.parquet"
        selected = ", ".join(
            f"({value})::{terms.column(name).physical_type} as {quoted(name)}" for name, value in content.items()
        )
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select {selected}, '{extract_id}' as _extract_id, i as _row_number, timestamp '2023-04-07' as "
                f"_known_at, date '2023-03-31' as _as_of_date from range(1, {self.rows + 1}) as numbers(i)) to '{file}'"
            )
        receipt = {
            "extract_id": extract_id,
            "family": self.family,
            "extract": self.extract,
            "outcome": "loaded",
            "records_in": self.rows,
            "loaded": self.rows,
            "quarantined": 0,
            "parquet_sha256": store.sha256_file(file),
            "known_at": KNOWN_AT,
            "as_of_date": "2023-03-31",
            "has_manifest": True,
            "unknown_entries": 0,
            "coverage": "full" if terms.delivery == "snapshot" else "delta",
        } | (self.receipt or {})
        store.write_json(file.with_suffix(".json"), receipt)
        self.touch(file)
        return file


def sql_for(terms: Contract, name: str) -> str:
    """Good content for a column: keys differ, codes are known, days lie before the extract."""
    column = terms.column(name)
    kind = column.physical_type.split("(")[0].removesuffix("[]")
    plain = {"VARCHAR": "'x' || i", "BIGINT": "i", "BOOLEAN": "true", "DECIMAL": "1"}
    days = {"DATE": "date '2023-03-31' - i::integer", "TIMESTAMP": "timestamp '2023-03-31 03:00:00'"}
    value = f"'{column.codes[0]}'" if column.codes else (plain | days)[kind]
    return f"[{value}]" if column.physical_type.endswith("[]") else value


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data=tmp_path)


def status(settings: Settings, delivery: Delivery, check: str) -> str:
    for other in delivery.beside:
        other.write(settings)
        extract_door.check_extracts(settings)
    file = delivery.write(settings)
    extract_door.check_extracts(settings)
    verdict = store.read_json(file.with_suffix(".verdict.json"))
    return next(answer["status"] for answer in verdict["checks"] if answer["check"] == check)


def append_byte(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")


def drop_a_column(file: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table kept as select * exclude (language) from '{file}'")
        connection.execute(f"copy kept to '{file}'")


def known(records_in: int, quarantined: int) -> dict[str, Any]:
    return {"records_in": records_in, "loaded": records_in - quarantined, "quarantined": quarantined}


def unknown_states(records: int) -> dict[str, str]:
    return {"employment_status": f"if(i <= {records}, 'UNKNOWN', 'ACTIVE')"}


# check -> a delivery that must pass, one that must be stopped, one just inside the bound
EARLIER = {"known_at": "2023-04-06T00:00:00+00:00"}
TEN = Delivery("hr", "entity", rows=10, receipt=EARLIER, name="earlier")
FULL = {"coverage": "full"}
CASES = Delivery("hotline", "case", rows=100)
TRIPLES: dict[str, tuple[Delivery, Delivery, Delivery]] = {
    "ExpectTheBytesThatWereLoaded": (
        Delivery(),
        Delivery(receipt={"parquet_sha256": "0" * 64}),
        Delivery(touch=lambda file: file.write_bytes(file.read_bytes())),
    ),
    "ExpectTheColumnsOfTheContract": (
        Delivery(),
        Delivery(touch=drop_a_column),
        Delivery(columns={"language": "null"}),
    ),
    "ExpectEveryLoadedRecordToBeThere": (
        Delivery(),
        Delivery(rows=99, receipt=known(100, 0)),
        Delivery(rows=99, receipt=known(100, 1)),
    ),
    "ExpectAPlausibleNumberOfRecords": (Delivery(), Delivery(rows=0), Delivery(rows=1)),
    "ExpectFewRecordsInQuarantine": (
        Delivery(),
        Delivery(rows=979, receipt=known(1000, 21)),
        Delivery(rows=980, receipt=known(1000, 20)),
    ),
    "ExpectNoRecordInQuarantine": (
        Delivery(),
        Delivery(rows=99, receipt=known(100, 1)),
        Delivery(rows=100, receipt=known(100, 0)),
    ),
    "ExpectEveryKeyToComeOnce": (
        Delivery(),
        Delivery(columns={"contact_id": "'x' || greatest(i, 2)"}),
        # Half of a key may repeat; the whole key may not.
        Delivery(columns={"contact_id": "'x' || i // 2", "channel": "if(i % 2 = 0, 'CCC', 'JACER')"}),
    ),
    "ExpectRequiredColumnsToBeFilled": (
        Delivery(),
        Delivery(columns={"identity": "if(i = 1, null, 'NAMED')"}),
        Delivery(columns={"language": "null", "canonical_case_id": "null"}),
    ),
    "ExpectOnlyKnownCodes": (
        Delivery(),
        Delivery(columns={"kind": "if(i = 1, 'GOSSIP', 'REPORT')"}),
        Delivery("hr", "worker_month", columns={"grade_group": "null", "role_flags": "[]", **unknown_states(1)}),
    ),
    "ExpectFewUnknownStatuses": (
        Delivery("hr", "worker_month", 1000),
        Delivery("hr", "worker_month", 1000, unknown_states(21)),
        Delivery("hr", "worker_month", 1000, unknown_states(20)),
    ),
    "ExpectEveryStatusToBeKnown": (
        Delivery("hr", "worker_month"),
        Delivery("hr", "worker_month", columns=unknown_states(1)),
        # A history begins with a state that came from none.
        Delivery("hotline", "status_history", columns={"from_status": "null"}),
    ),
    "ExpectNoRecordFromTheFuture": (
        Delivery(),
        # 7 April 2023, 15:00 UTC, is the 8th in Tokyo, the day after the extract was known there.
        Delivery("training", "attendance", columns={"signed_in": "timestamp '2023-04-07 15:00:00'"}),
        Delivery("training", "attendance", columns={"signed_in": "timestamp '2023-04-07 14:59:59'"}),
    ),
    "ExpectAFreshExtract": (
        Delivery(),
        Delivery(receipt={"known_at": "2023-05-16T00:00:00+00:00"}),
        Delivery(receipt={"known_at": "2023-05-15T00:00:00+00:00"}),
    ),
    "ExpectAManifest": (
        Delivery(),
        Delivery(receipt={"has_manifest": False}),
        Delivery(receipt={"has_manifest": True}),
    ),
    "ExpectOnlyKnownEntriesInTheManifest": (
        Delivery(),
        Delivery(receipt={"unknown_entries": 1}),
        Delivery(receipt={"unknown_entries": 0}),
    ),
    "ExpectContentUpToItsDay": (
        Delivery(),
        # Of a quarter, its last day counts: the newest contact may be of 31 December, or of 31 March.
        Delivery(columns={"submitted_quarter": "date '2022-10-01'"}),
        Delivery(columns={"submitted_quarter": "date '2023-01-01'"}),
    ),
    "ExpectTheUsualVolume": (
        Delivery("hr", "entity", rows=10, beside=(TEN,)),
        Delivery("hr", "entity", rows=4, beside=(TEN,)),
        Delivery("hr", "entity", rows=20, beside=(TEN,)),
    ),
    "ExpectNoRowToVanish": (
        Delivery("hr", "entity", rows=11, beside=(TEN,)),
        Delivery("hr", "entity", rows=9, beside=(TEN,)),
        Delivery("hr", "entity", rows=10, beside=(TEN,)),
    ),
    "ExpectFewUnknownReferences": (
        Delivery(columns={"canonical_case_id": "'x' || i"}, beside=(CASES,)),
        Delivery(columns={"canonical_case_id": "if(i <= 3, 'astray', 'x' || i)"}, beside=(CASES,)),
        Delivery(columns={"canonical_case_id": "if(i <= 2, 'astray', 'x' || i)"}, beside=(CASES,)),
    ),
    "ExpectEveryReferenceToBeKnown": (
        Delivery(columns={"canonical_case_id": "'x' || i"}, beside=(CASES,)),
        Delivery(columns={"canonical_case_id": "if(i = 1, 'astray', 'x' || i)"}, beside=(CASES,)),
        Delivery(columns={"canonical_case_id": "if(i = 1, null, 'x' || i)"}, beside=(CASES,)),
    ),
}


def test_every_check_has_its_three_inputs() -> None:
    assert sorted(TRIPLES) == sorted(set(CHECKS))


@pytest.mark.parametrize("check", TRIPLES)
def test_a_check_passes_what_it_must(check: str, settings: Settings) -> None:
    assert status(settings, TRIPLES[check][0], check) == "passed"


@pytest.mark.parametrize("check", TRIPLES)
def test_a_check_stops_what_it_must(check: str, settings: Settings) -> None:
    assert status(settings, TRIPLES[check][1], check) == "failed"


@pytest.mark.parametrize("check", TRIPLES)
def test_a_check_passes_at_its_boundary(check: str, settings: Settings) -> None:
    assert status(settings, TRIPLES[check][2], check) == "passed"


@pytest.mark.parametrize(
    ("records_in", "quarantined", "answer"),
    [(9, 1, "passed"), (9, 2, "failed"), (49, 1, "passed"), (50, 1, "passed"), (51, 2, "failed"), (100, 2, "passed")],
)
def test_one_bad_record_does_not_stop_a_small_register_and_two_do(
    settings: Settings, records_in: int, quarantined: int, answer: str
) -> None:
    register = Delivery("register", "msa_statement", records_in - quarantined, receipt=known(records_in, quarantined))
    assert status(settings, register, "ExpectFewRecordsInQuarantine") == answer


@pytest.mark.parametrize(("records", "unknown", "answer"), [(9, 1, "passed"), (9, 2, "failed"), (50, 1, "passed")])
def test_one_unknown_status_does_not_stop_a_small_register_and_two_do(
    settings: Settings, records: int, unknown: int, answer: str
) -> None:
    goals = Delivery("register", "goal", records, {"status": f"if(i <= {unknown}, 'UNKNOWN', 'ON_TRACK')"})
    assert status(settings, goals, "ExpectFewUnknownStatuses") == answer


def test_a_record_with_two_unknown_states_is_one_record_and_both_columns_are_named(settings: Settings) -> None:
    both = {"from_status": "if(i < 4, 'UNKNOWN', 'NEW')", "to_status": "if(i < 3, 'UNKNOWN', 'CLOSED')"}
    file = Delivery("hotline", "status_history", columns=both).write(settings)
    [verdict] = extract_door.check_extracts(settings)
    found = {check["check"]: check["found"] for check in verdict["checks"]}
    assert file.with_suffix(".verdict.json").exists()
    assert found["ExpectFewUnknownStatuses"] == "unknown_status_share = 0.03 (from_status 3, to_status 2)"
    assert found["ExpectEveryStatusToBeKnown"] == "unknown_statuses = 3 (from_status 3, to_status 2)"


@pytest.mark.parametrize(("coverage", "answer"), [("delta", "passed"), ("full", "failed")])
@pytest.mark.parametrize("rows", [1, 1000])
def test_a_delivery_of_changes_may_have_any_volume(settings: Settings, rows: int, coverage: str, answer: str) -> None:
    earlier = Delivery(receipt=EARLIER | {"coverage": coverage}, name="x")
    later = Delivery(rows=rows, receipt={"coverage": coverage}, beside=(earlier,))
    assert status(settings, later, "ExpectTheUsualVolume") == answer


def test_a_month_is_compared_with_a_month(settings: Settings) -> None:
    """A roster of three months after one of one month is no swollen roster."""
    month = {"as_of_date": "date '2023-02-28'", "worker_key": "'w' || i"}
    months = {"as_of_date": "date '2023-03-31' - (31 * (i % 3))::integer", "worker_key": "'w' || i // 3"}
    earlier = Delivery("hr", "worker_month", 200, month, EARLIER, name="x")
    assert status(settings, Delivery("hr", "worker_month", 600, months, beside=(earlier,)), "ExpectTheUsualVolume") == (
        "passed"
    )


def test_nothing_is_measured_against_a_delivery_that_was_stopped(settings: Settings) -> None:
    stopped = Delivery("hr", "entity", 100, {"region": "'NOWHERE'"}, EARLIER, name="x")
    assert status(settings, Delivery("hr", "entity", rows=4, beside=(stopped,)), "ExpectTheUsualVolume") == "passed"


def test_a_delivery_is_judged_again_when_what_it_refers_to_arrives(settings: Settings) -> None:
    few = Delivery("hotline", "case", rows=50, receipt=EARLIER)
    refers = Delivery(columns={"canonical_case_id": "'x' || i"}, beside=(few,))
    assert status(settings, refers, "ExpectFewUnknownReferences") == "failed"
    assert extract_door.check_extracts(settings) == []
    Delivery("hotline", "case", rows=100, name="the rest").write(settings)
    judged = extract_door.check_extracts(settings)
    assert [verdict["passed"] for verdict in judged] == [True, True]
    assert extract_door.check_extracts(settings) == []


def test_a_delivery_that_failed_by_itself_is_not_judged_again_for_others(settings: Settings) -> None:
    assert status(settings, Delivery("hr", "entity", 3, {"region": "'NOWHERE'"}), "ExpectOnlyKnownCodes") == "failed"
    Delivery("hr", "entity", rows=3, name="other").write(settings)
    assert len(extract_door.check_extracts(settings)) == 1


@pytest.mark.parametrize(("unknown", "answer"), [(0, "passed"), (2, "passed"), (3, "failed")])
@pytest.mark.parametrize("column", ["currency", "buying_entity"])
def test_few_invoices_may_name_a_currency_or_a_company_that_nobody_knows(
    settings: Settings, column: str, unknown: int, answer: str
) -> None:
    rates = Delivery("procurement", "fx_rate", rows=1, columns={"currency": "'USD'"})
    companies = Delivery("hr", "entity", rows=1, columns={"entity_code": "'E001'"})
    # Of 200 lines, the 100 in yen refer to no rate.
    known = {"currency": "if(i % 2 = 0, 'JPY', 'USD')", "buying_entity": "'E001'"}
    of = {"currency": 2, "buying_entity": 1}[column]
    lines = Delivery("procurement", "spend", 200 // (3 - of), beside=(rates, companies), columns=known | {
        column: f"if(i <= {of * unknown} and i % {of} = {of - 1}, 'QQQ', {known[column]})"
    })  # fmt: skip
    assert status(settings, lines, "ExpectFewUnknownReferences") == answer
    assert status(settings, lines, "ExpectEveryReferenceToBeKnown") == ("failed" if unknown else "passed")


def test_a_reference_before_its_extract_arrived_stops_nothing(settings: Settings) -> None:
    assert (
        status(settings, Delivery(columns={"canonical_case_id": "'x' || i"}), "ExpectFewUnknownReferences") == "passed"
    )


def test_what_refers_and_what_is_referred_to_are_columns_of_contracts() -> None:
    for (family, extract), others in REFERENCES.items():
        for other_family, other_extract, columns in others:
            for ours, theirs in columns.items():
                assert contract(family, extract).column(ours)
                assert contract(other_family, other_extract).column(theirs)


def test_an_unknown_code_inside_a_list_is_seen(settings: Settings) -> None:
    delivery = Delivery("hr", "worker_month", columns={"role_flags": "['INTERVIEWER', 'JESTER']"})
    assert status(settings, delivery, "ExpectOnlyKnownCodes") == "failed"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[dict[str, Any]]]:
    """Every extract there is a contract for, one of them broken, judged in one call."""
    settings = Settings.load(data=tmp_path_factory.mktemp("whole"))
    for family, extract in contracts():
        broken = (family, extract) == ("hr", "entity")
        Delivery(family, extract, columns={"name": "null"} if broken else None).write(settings)
    return settings, extract_door.check_extracts(settings)


def test_a_failing_extract_does_not_stop_the_others(whole: tuple[Settings, list[dict[str, Any]]]) -> None:
    _, verdicts = whole
    failed = [verdict["checks"][0]["subject"] for verdict in verdicts if not verdict["passed"]]
    assert len(verdicts) == len(contracts())
    assert [subject.rsplit("/", 1)[0] for subject in failed] == ["hr/entity"]


def test_the_sample_extracts_pass_from_landing_to_door(sample: Built) -> None:
    verdicts = [store.read_json(file) for file in sample.settings.place("raw").glob("*/*/*.verdict.json")]
    assert len(verdicts) == sum(terms.staged for terms in contracts().values())
    assert [check["found"] for verdict in verdicts for check in verdict["checks"] if check["status"] != "passed"] == []


def test_the_refusal_says_what_where_and_what_next(whole: tuple[Settings, list[dict[str, Any]]]) -> None:
    (error,) = extract_door.refusals(whole[1])
    assert "required_blanks = 100 (name 100)" in error.found
    assert "at most 0" in error.expected
    assert "expectations/thresholds.yml, ExpectRequiredColumnsToBeFilled" in error.rule
    assert "docs/runbooks/failed-gate.md" in error.next_step
    assert error.exit_code == 5


def test_a_verdict_names_the_bytes_it_is_about(whole: tuple[Settings, list[dict[str, Any]]]) -> None:
    settings, verdicts = whole
    for verdict in verdicts:
        ((path, digest),) = verdict["files"].items()
        receipt = store.read_json(settings.place(path).with_suffix(".json"))
        assert digest == receipt["parquet_sha256"]
        assert store.read_json(settings.place(path).with_suffix(".verdict.json")) == verdict


def test_as_many_checks_are_evaluated_as_are_pinned(whole: tuple[Settings, list[dict[str, Any]]]) -> None:
    pinned = bounds("extract").checks_expected
    assert {(v["checks_expected"], v["checks_evaluated"], len(v["checks"])) for v in whole[1]} == {(pinned,) * 3}


def test_what_was_judged_is_not_judged_again(whole: tuple[Settings, list[dict[str, Any]]]) -> None:
    assert extract_door.check_extracts(whole[0]) == []


def test_the_same_delivery_gives_the_same_verdict(settings: Settings) -> None:
    file = Delivery().write(settings)
    extract_door.check_extracts(settings)
    first = file.with_suffix(".verdict.json").read_bytes()
    file.with_suffix(".verdict.json").unlink()
    extract_door.check_extracts(settings)
    assert file.with_suffix(".verdict.json").read_bytes() == first


def test_other_bytes_are_judged_anew(settings: Settings) -> None:
    Delivery().write(settings)
    extract_door.check_extracts(settings)
    Delivery(rows=7).write(settings)
    (verdict,) = extract_door.check_extracts(settings)
    assert verdict["passed"]


def test_a_failed_verdict_is_taken_up_again_when_the_rules_have_changed(settings: Settings) -> None:
    file = Delivery(rows=0).write(settings)
    (verdict,) = extract_door.check_extracts(settings)
    assert not verdict["passed"]
    assert extract_door.check_extracts(settings) == []
    store.write_json(file.with_suffix(".verdict.json"), verdict | {"rules_digest": "of earlier rules"})
    assert len(extract_door.check_extracts(settings)) == 1


def test_a_refused_load_gets_no_verdict(settings: Settings) -> None:
    Delivery(receipt={"outcome": "refused", "parquet_sha256": None}).write(settings)
    assert extract_door.check_extracts(settings) == []


@pytest.mark.parametrize("touch", [Path.unlink, lambda file: file.write_bytes(b"no parquet")], ids=["gone", "broken"])
def test_a_file_that_cannot_be_read_fails_every_check(settings: Settings, touch: Callable[[Path], None]) -> None:
    Delivery(touch=touch).write(settings)
    (verdict,) = extract_door.check_extracts(settings)
    assert not verdict["passed"]
    assert verdict["checks_evaluated"] == 0
    assert "0 checks evaluated" in extract_door.refusals([verdict])[0].found


def test_a_changed_byte_fails_the_door(settings: Settings) -> None:
    Delivery(touch=append_byte).write(settings)
    (verdict,) = extract_door.check_extracts(settings)
    assert not verdict["passed"]


def test_a_warning_is_written_down_and_does_not_stop(settings: Settings) -> None:
    Delivery(receipt={"has_manifest": False}).write(settings)
    (verdict,) = extract_door.check_extracts(settings)
    assert verdict["passed"]
    assert [c["check"] for c in verdict["checks"] if c["status"] == "failed"] == ["ExpectAManifest"]


def test_an_extract_that_names_no_day_passes_with_a_warning_of_its_age(settings: Settings) -> None:
    Delivery("hr", "entity", receipt={"as_of_date": None, "has_manifest": False}).write(settings)
    (verdict,) = extract_door.check_extracts(settings)
    assert verdict["passed"]
    warned = [check["check"] for check in verdict["checks"] if check["status"] == "failed"]
    assert {"ExpectAFreshExtract", "ExpectAManifest"} <= set(warned)


def test_no_value_of_a_record_reaches_a_verdict_a_log_or_an_error(
    settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    text = {
        column.name: f"'{MARKER}'"
        for column in contract("hotline", "case").columns
        if column.physical_type == "VARCHAR"
    }
    file = Delivery("hotline", "case", columns=text).write(settings)
    assert MARKER.encode() in file.read_bytes()
    verdicts = extract_door.check_extracts(settings)
    errors = extract_door.refusals(verdicts)
    out, err = capfd.readouterr()
    everything = [str(verdicts), *map(str, errors), caplog.text, out, err]
    everything.append(file.with_suffix(".verdict.json").read_text())
    assert [text for text in everything if MARKER in text] == []
    failed = {check["check"] for check in verdicts[0]["checks"] if check["status"] == "failed"}
    assert {"ExpectEveryKeyToComeOnce", "ExpectOnlyKnownCodes"} <= failed


@pytest.mark.parametrize("file", sorted(Path(extract_door.__file__).parent.glob("*.py")), ids=lambda file: file.name)
def test_importing_a_door_does_not_import_the_engine(file: Path) -> None:
    engines = {"judge.py", "extract_checks.py", "board_checks.py"}
    top = [
        name.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    ]
    assert any(name.startswith("great_expectations") for name in top) == (file.name in engines)
    if file.name not in engines:
        assert not {"expectations.judge", "expectations.extract_checks", "expectations.board_checks"} & set(top)
