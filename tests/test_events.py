"""The wake-up, the quarter that travels, who may do what, and how far a quarter stands."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from hypothesis import given
from hypothesis import strategies as st

from events.authority import TwoPersonAuthority
from events.landing import LandingTrigger, listing
from events.quarters import FiscalQuarterMapper
from events.server import make_landing, make_secrets
from events.standing import Standing, something_waits, standing, unread
from pipeline import store
from pipeline.errors import BadSettings
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

QUARTER = FiscalQuarter(2023, 4)
DIGEST = "d" * 64


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HRDD_DATA", str(tmp_path))
    return Settings.load()


def arrive(settings: Settings, number: int) -> Path:
    file = settings.place("landing", "hotline", "case", f"{number}.csv")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{number}\n")
    return file


async def wakes(seconds: float, during: list[tuple[float, object]]) -> list[int]:
    """How many arrivals each wake-up counted, while things happen at their moments."""
    counted: list[int] = []

    async def watch() -> None:
        async for event in LandingTrigger(poll_seconds=0.02, settle_seconds=0.2, patience_seconds=0.6).run():
            counted.append(event.payload["arrivals"])

    watching = asyncio.create_task(watch())
    began = asyncio.get_running_loop().time()
    for moment, happens in during:
        await asyncio.sleep(max(0.0, began + moment - asyncio.get_running_loop().time()))
        happens()  # a thing that happens is a function without arguments
    await asyncio.sleep(max(0.0, began + seconds - asyncio.get_running_loop().time()))
    watching.cancel()
    return counted


def test_ten_files_that_arrive_together_wake_once(settings: Settings) -> None:
    during = [(0.1 + 0.05 * n, lambda n=n: arrive(settings, n)) for n in range(10)]
    assert asyncio.run(wakes(1.2, during)) == [10]


def test_a_file_that_comes_after_a_pause_wakes_again(settings: Settings) -> None:
    during = [(0.05, lambda: arrive(settings, 1)), (0.7, lambda: arrive(settings, 2))]
    assert asyncio.run(wakes(1.3, during)) == [1, 1]


def test_what_lay_there_before_wakes_at_the_start(settings: Settings) -> None:
    arrive(settings, 1)
    assert asyncio.run(wakes(0.6, [])) == [1]


def test_an_empty_landing_and_a_file_that_goes_away_wake_nobody(settings: Settings) -> None:
    assert asyncio.run(wakes(0.5, [])) == []
    file = arrive(settings, 1)
    assert asyncio.run(wakes(1.0, [(0.6, file.unlink)])) == [1]


def test_arrivals_that_never_pause_wake_all_the_same(settings: Settings) -> None:
    during = [(0.05 * n, lambda n=n: arrive(settings, n)) for n in range(24)]
    assert len(asyncio.run(wakes(1.3, during))) >= 1
    assert len(listing(settings)) == 24


def test_a_file_that_is_still_written_does_not_count(settings: Settings) -> None:
    arrive(settings, 1).rename(settings.place("landing", "hotline", "case", ".put-x"))
    assert listing(settings) == frozenset()


def test_the_watcher_keeps_its_name_and_arguments(settings: Settings) -> None:
    """Other arguments would make Airflow drop the watcher until it reads the DAG again."""
    name, arguments = LandingTrigger().serialize()
    assert name == "events.landing.LandingTrigger"
    assert LandingTrigger(**arguments).serialize() == (name, arguments)
    assert str(settings.data) not in json.dumps(arguments)


@given(st.integers(1901, 9990), st.integers(1, 4))
def test_a_quarter_passes_the_mapper_as_it_is(year: int, number: int) -> None:
    quarter = FiscalQuarter(year, number)
    assert FiscalQuarterMapper().to_downstream(str(quarter)) == str(quarter)
    assert FiscalQuarterMapper().to_partition_date(str(quarter)).date() == quarter.start


@given(st.text(max_size=20).filter(lambda text: not (text.startswith("FY") and "-Q" in text)))
def test_no_other_key_passes_the_mapper(key: str) -> None:
    with pytest.raises(ValueError, match="not a fiscal quarter"):
        FiscalQuarterMapper().to_downstream(key)
    with pytest.raises(ValueError, match="not a fiscal quarter"):
        FiscalQuarterMapper().to_partition_date(key)


@pytest.mark.parametrize("key", ["FY2023-Q0", "FY2023-Q5", "2023Q4", "FY2023-Q4 ", "fy2023-q4", ""])
def test_the_mapper_refuses_what_is_nearly_a_quarter(key: str) -> None:
    with pytest.raises(ValueError, match="not a fiscal quarter"):
        FiscalQuarterMapper().to_downstream(key)


USERS = {
    "admin": SimpleAuthManagerUser(username="admin", role="ADMIN"),
    "approver": SimpleAuthManagerUser(username="approver", role="USER"),
    "preparer": SimpleAuthManagerUser(username="preparer", role="USER"),
    "operator": SimpleAuthManagerUser(username="operator", role="OP"),
    "reader": SimpleAuthManagerUser(username="reader", role="VIEWER"),
    "nobody": SimpleAuthManagerUser(username="nobody", role=None),
}
E = DagAccessEntity
MAY = {
    ("GET", None): {"admin", "approver", "preparer", "operator", "reader"},
    ("GET", E.TASK_LOGS): {"admin", "approver", "preparer", "operator", "reader"},
    ("POST", E.RUN): {"admin", "preparer", "operator"},
    ("PUT", E.HITL_DETAIL): {"admin", "approver"},  # whether this gate is theirs is asked once more, below
    ("PUT", E.TASK_INSTANCE): {"admin"},
    ("DELETE", E.TASK_INSTANCE): {"admin"},
    ("PUT", E.RUN): {"admin"},
    ("DELETE", E.RUN): {"admin"},
    ("POST", E.XCOM): {"admin"},
    ("PUT", E.XCOM): {"admin"},
    ("DELETE", E.XCOM): {"admin"},
    ("PUT", None): {"admin"},
    ("DELETE", None): {"admin"},
    ("POST", E.HITL_DETAIL): {"admin"},
}


@pytest.mark.parametrize(("method", "entity"), MAY, ids=str)
def test_one_person_starts_and_another_answers(settings: Settings, method: str, entity: DagAccessEntity | None) -> None:
    authority = TwoPersonAuthority()
    allowed = {
        name
        for name, user in USERS.items()
        if authority.is_authorized_dag(method=method, user=user, access_entity=entity)  # text
    }
    assert allowed == MAY[method, entity]


def test_a_gate_is_answered_by_whom_it_was_asked_and_who_is_still_an_approver(settings: Settings) -> None:
    authority = TwoPersonAuthority()
    asked = {"approver", "former"}
    former = SimpleAuthManagerUser(username="former", role="USER")
    answers = {
        name for name, user in USERS.items() if authority.is_authorized_hitl_task(assigned_users=asked, user=user)
    }
    assert answers == {"approver"}
    assert not authority.is_authorized_hitl_task(assigned_users=asked, user=former)
    assert not authority.is_authorized_hitl_task(assigned_users={"former"}, user=USERS["approver"])


def test_the_server_does_not_invent_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = tmp_path / "passwords.json"
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "admin:admin,approver:user")
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
    for content in ("", "{}", '{"admin": "x"}', '{"admin": "x", "approver": ""}'):
        passwords.write_text(content)
        with pytest.raises(BadSettings, match="approver"):
            TwoPersonAuthority().init()
    passwords.write_text('{"admin": "x", "approver": "y"}')
    TwoPersonAuthority().init()


def candidate(settings: Settings, **records: dict[str, object]) -> Standing | None:
    """A quarter whose current candidate has these records beside it."""
    home = settings.place("candidates", str(QUARTER))
    store.write_json(home / "current.json", {"candidate_digest": DIGEST})
    made = {"candidate_digest": DIGEST, "build_id": "b", "is_sample": True, "quarter": str(QUARTER), "inputs": []}
    for name, record in {"candidate": made, **records}.items():
        store.write_json(home / DIGEST / f"{name}.json", record)
    return standing(settings, QUARTER)


def release(settings: Settings, *, latest: str | None) -> None:
    manifest = {"candidate_digest": DIGEST, "manifest_digest": "new", "previous_release": "old"}
    store.write_json(settings.place("releases", str(QUARTER), "r2", "manifest.json"), manifest)
    if latest:
        store.write_json(settings.place("releases", "latest.json"), {"manifest_digest": latest})


def test_a_quarter_stands_where_its_last_record_says(settings: Settings) -> None:
    assert standing(settings, QUARTER) is None
    passed, no = {"passed": True}, {"decision": "rejected"}
    yes = {"decision": "approved", "decided_at": settings.now().isoformat()}
    old = {"decision": "approved", "decided_at": "2023-01-01T00:00:00+00:00"}
    stages = [
        candidate(settings),
        candidate(settings, verdict={"passed": False}),
        candidate(settings, verdict=passed),
        candidate(settings, verdict=passed, approval=no),
        candidate(settings, verdict=passed, approval=yes),
        candidate(settings, verdict=passed, approval=old),
    ]
    said = ["unchecked", "failed", "waiting", "rejected", "approved", "waiting"]
    assert [stage and stage.stage for stage in stages] == said
    assert [stage and stage.is_open for stage in stages] == [True, True, True, False, True, True]


def test_a_release_counts_once_latest_has_moved_on(settings: Settings) -> None:
    yes = {"verdict": {"passed": True}, "approval": {"decision": "approved", "decided_at": settings.now().isoformat()}}
    release(settings, latest=None)
    assert candidate(settings, **yes) == candidate(settings, **yes)
    stages = []
    for latest in (None, "old", "new"):
        release(settings, latest=latest)
        now = candidate(settings, **yes)
        stages.append(now and now.stage)
    assert stages == ["approved", "approved", "released"]


def test_nothing_waits_in_an_empty_folder_and_an_arrival_does(settings: Settings) -> None:
    assert not something_waits(settings)
    file = arrive(settings, 1)
    assert unread(settings) == [file]
    assert something_waits(settings)


def test_a_file_is_read_once_it_is_recorded_as_it_is_now(settings: Settings) -> None:
    from ingest.land import land

    file = arrive(settings, 1)
    land(settings)
    assert unread(settings) == []
    file.write_text("another content\n")
    assert unread(settings) == [file]


def test_secrets_are_made_once_and_closed_to_others(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    written = make_secrets(settings, folder)
    assert {file.stat().st_mode & 0o777 for file in written} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    before = {file.name: file.read_bytes() for file in written}
    assert make_secrets(settings, folder) == []
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert set(json.loads(before["airflow_passwords"])) == {"admin", "preparer", "approver"}
    assert before["database_password"] in before["database_url"]
    (folder / "jwt_secret").unlink()
    with pytest.raises(BadSettings, match="not whole"):
        make_secrets(settings, folder)


def test_no_two_installations_share_a_secret(settings: Settings, tmp_path: Path) -> None:
    one, two = (make_secrets(settings, tmp_path / name) for name in ("one", "two"))
    assert [a.name for a, b in zip(one, two, strict=True) if a.read_bytes() == b.read_bytes()] == []


def test_the_landing_is_made_where_the_settings_say(settings: Settings) -> None:
    make_landing(settings)
    make_landing(settings)
    assert settings.place("landing").is_dir()
