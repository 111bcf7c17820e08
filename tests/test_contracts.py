"""The contracts as a public interface: which extracts there are, what every one states, and real systems' shapes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dbt_project import build as building
from dbt_project.build import plan
from ingest.contract import CLASSIFICATIONS, Contract, contract, contracts
from ingest.land import land
from ingest.load import load
from pipeline.database import connect
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

EXTRACTS = {
    "hr": "worker_month job_event leave entity site",
    "procurement": "supplier supplier_exit spend declaration assessment audit finding corrective_action contract "
    "fx_rate",
    "hotline": "contact case allegation category_history status_history action channel tombstone",
    "training": "course assignment completion session attendance learner_xref",
    "register": "salient_issue policy policy_adoption board_report committee_meeting dialogue initiative msa_statement "
    "goal hria mitigation high_risk_country customer_check sanctions_screen end_use ai_review ai_inspection "
    "child_rights_check outreach law_conflict child_programme "
    "ohs_selfcheck ohs_survey ohs_finding accident fine awareness_message "
    "confidentiality_breach hotline_roster channel_test site_contact",
}
# What would tie a matter of the hotline to a human being.
OF_A_PERSON = {"person_key", "worker_key", "learner_id", "employee_id", "user_id", "reporter_id"}
REGISTER = ["record_id", "recorded_on", "recorded_by", "approved_by", "approved_on", "evidence_uri", "evidence_sha256"]
REGISTER += ["supersedes_record_id", "note"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(PROJECT / "samples" / "settings.toml", tmp_path)


def test_there_is_a_contract_for_every_extract() -> None:
    assert set(contracts()) == {(family, extract) for family, names in EXTRACTS.items() for extract in names.split()}


@pytest.mark.parametrize("terms", contracts().values(), ids=lambda terms: terms.name)
def test_a_contract_says_all_that_a_sender_needs(terms: Contract) -> None:
    assert terms.purpose.endswith(".")
    assert terms.forbidden_columns
    for column in terms.columns:
        assert column.description.endswith("."), column.name
        assert column.classification in CLASSIFICATIONS
        assert column.aliases, column.name


def test_a_register_s_record_bears_the_common_columns() -> None:
    for (family, _), terms in contracts().items():
        if family == "register":
            assert [column.name for column in terms.columns][: len(REGISTER)] == REGISTER
            assert (terms.delivery, terms.key, terms.period_column) == ("append", ("record_id",), "recorded_on")


def test_the_hotline_holds_no_key_of_a_person_and_refuses_one() -> None:
    hotline = [terms for (family, _), terms in contracts().items() if family == "hotline"]
    for terms in hotline:
        names = {name for column in terms.columns for name in (column.name, *column.aliases)}
        assert names & OF_A_PERSON == set()
        assert [name for name in ("Person Key", "worker_key", "Employee ID") if terms.forbids(name) is None] == []
        assert [name for name in ("Summary", "Reporter Name", "Witness", "e-mail") if terms.forbids(name) is None] == []


def test_a_quarter_waits_for_the_required_extracts_alone(settings: Settings) -> None:
    missing = {line.split(":")[0] for line in plan(settings, FiscalQuarter(2023, 4)).missing}
    assert missing == {f"{family}/{extract}" for (family, extract), terms in contracts().items() if terms.required}
    assert len(missing) == 26


def test_a_staged_extract_that_never_arrived_is_an_empty_relation(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    optional = {name: replace(terms, staged=True) for name, terms in contracts().items() if name[1] == "tombstone"}
    monkeypatch.setattr(building, "contracts", lambda: optional)
    inputs = settings.place("inputs")
    building._fill_what_did_not_arrive(settings, inputs)
    with connect(settings, folders=[inputs]) as connection:
        found = connection.execute(f"describe from read_parquet('{inputs}/hotline/tombstone/*.parquet')").fetchall()
        assert connection.execute(f"from read_parquet('{inputs}/hotline/tombstone/*.parquet')").fetchall() == []
    typed = {name: kind for name, kind, *_ in found}
    assert (typed["deleted_quarter"], typed["deleted_tick"]) == ("DATE", "BIGINT")
    assert set(typed) >= {"case_id", "_extract_id", "_known_at"}


# A header as each system writes it, a record under it, and what some of its columns come to.
SHAPES: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "SuccessFactors Employee Central": (
        "hr/worker_month",
        {
            "Snapshot Date": "2023-03-31",
            "userId": "U100",
            "personIdExternal": "P100",
            "sourceSystem": "SAMPLE",
            "company": "E001",
            "employeeClass": "REGULAR",
            "homeOrHost": "HOME",
            "emplStatus": "ACTIVE",
            "department": "D1",
            "location": "S1",
            "countryOfCompany": "JP",
            "language": "ja",
            "gradeGroup": "STAFF",
            "roleFlags": "INTERVIEWER;PROCUREMENT",
            "roleFlagSince": "",
            "startDate": "2010-04-01",
            "endDate": "",
            "birthYearBand": "",
            "fte": "1.00",
            "collectiveAgreement": "true",
            "contract_vendor_name": "",
        },
        {"legal_entity_code": "E001", "worker_category": "REGULAR", "role_flags": ["INTERVIEWER", "PROCUREMENT"]},
    ),
    "Coupa": (
        "procurement/supplier",
        {
            "Source System": "COUPA",
            "Id": "4711",
            "ACMId": "",
            "DuplicateSMVendorId": "",
            "MasterVendorId": "",
            "Parent Company": "SAMPLE Parent",
            "Name": "SAMPLE Supplier",
            "DUNS": "",
            "LEI": "",
            "Country": "JP",
            "Status": "active",
            "SupplierType": "SERVICE",
            "SizeBand": "UNKNOWN",
            "Created Date": "2020-01-01",
            "Tier": "1",
        },
        {"supplier_id": "4711", "status": "ACTIVE", "name": "SAMPLE Supplier"},
    ),
    "EthicsPoint": (
        "hotline/allegation",
        {
            "Case Number": "C-1",
            "Issue Number": "1",
            "Primary Issue": "RETALIATION",
            "Is Primary": "Yes",
            "Ground": "",
            "Right": "",
        },
        {"category": "RETALIATION", "is_primary": True},
    ),
    "EthicsPoint, cases": (
        "hotline/case",
        {
            "Case Number": "C-1",
            "Received/Reported Date": "2023-02-01",
            "Opened Date": "2023-02-02",
            "Alleged Incident Date": "",
            "Region": "JP",
            "Entity": "",
            "Legal Class": "INTERNAL_RULE",
            "Status": "NEW",
            "Determination": "UNDETERMINED",
            "Closed Date": "",
            "First Reply Date": "",
            "Feedback Date": "",
            "Committee Report": "",
            "Priority": "OTHER",
            "Root Cause": "WORKLOAD",
        },
        {"received_quarter": date(2023, 1, 1), "status": "NEW", "severity": "OTHER", "cause_code": "WORKLOAD"},
    ),
    "SuccessFactors Learning": (
        "training/completion",
        {
            "Source": "SFL",
            "CompletionId": "1",
            "StudentId": "L1",
            "ComponentID": "BHR-1",
            "RevisionDate": "1",
            "CompletionDate": "2023-02-01T10:00:00+09:00",
            "CompletionStatusID": "PASS",
            "Passed": "true",
            "Score": "",
            "Mode": "ELEARNING",
            "RecordedAt": "",
        },
        {"course_code": "BHR-1", "status_code": "PASS", "passed": True},
    ),
}


@pytest.mark.parametrize("system", SHAPES)
def test_a_real_system_s_export_loads_by_its_aliases_alone(settings: Settings, system: str) -> None:
    place, record, expected = SHAPES[system]
    family, extract = place.split("/")
    canonical = {column.name for column in contract(family, extract).columns}
    assert not canonical & set(record) - {"fte"}  # not one name is this project's own
    file = settings.place("landing", family, extract, "export.csv")
    file.parent.mkdir(parents=True)
    file.write_text("\n".join([",".join(record), ",".join(record.values())]) + "\n", encoding="utf-8")
    land(settings)
    [receipt] = load(settings)
    assert (receipt["loaded"], receipt["quarantined"], receipt["refusal"]) == (1, 0, None)
    parquet = settings.place("raw", family, extract, receipt["extract_id"] + ".parquet")
    with connect(settings, folders=[settings.place("raw")]) as connection:
        [row] = connection.execute(f"select {', '.join(expected)} from read_parquet('{parquet}')").fetchall()
    assert dict(zip(expected, row, strict=True)) == expected


def test_only_a_value_that_the_contract_maps_is_mapped(settings: Settings) -> None:
    place, record, _ = SHAPES["Coupa"]
    file = settings.place("landing", place, "export.csv")
    file.parent.mkdir(parents=True)
    lines = [
        ",".join((record | {"Id": word, "Status": word}).values()) for word in ("inactive", "ACTIVE", "Active", "")
    ]
    file.write_text("\n".join([",".join(record), *lines]) + "\n", encoding="utf-8")
    land(settings)
    [receipt] = load(settings)
    assert (receipt["reasons"], receipt["unknown"]) == ({"missing": 1}, {"status": 1})
    assert receipt["loaded"] == 3
