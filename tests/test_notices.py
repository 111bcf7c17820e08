"""The calendar, the notices to the office over real servers, the deadline, and what an approver is asked."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import json
import runpy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from airflow.models import DagRun
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.serialization.decoders import decode_deadline_alert
from airflow.serialization.encoders import encode_deadline_alert
from publish_build import HOSTILE, LATER, QUARTER, checked, decided, prepared, released, settings_at
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from events.deadlines import A_WEEK, ReleaseDue, deadline_of
from events.gate import BoardGate
from events.notices import NAME, OVERDUE, RELEASED, WAITS, Notice, overdue, tell
from events.question import question
from pipeline import store
from pipeline.calendar import calendar, due_at, due_on
from pipeline.errors import BadSettings, NotApproved
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from publish import approval, candidate, release

CONNECTION = "AIRFLOW_CONN_OFFICE"
PASSWORD = "canary-of-the-office"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A waiting candidate of an installation that wants notices, and that is what Airflow's processes read."""
    data = tmp_path / "data"
    file = tmp_path / "settings.toml"
    file.write_text(settings_at(data).settings_file.read_text() + '\nnotices = "office"\n')
    monkeypatch.setenv("HRDD_SETTINGS", str(file))
    monkeypatch.setenv("HRDD_DATA", str(data))
    settings = Settings.load()
    prepared(settings)
    checked(settings)
    return settings


class Webhook:
    """A server that keeps what it is sent."""

    def __init__(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, dict(self.headers), json.loads(content)))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


class Mailbox(socketserver.StreamRequestHandler):
    """As much of an SMTP server as takes a message in: RFC 5321, without extensions."""

    mails: ClassVar[list[tuple[list[str], bytes]]] = []

    def handle(self) -> None:
        said: list[str] = []
        self._say("220 mailbox")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                self._say("354 go on")
                lines = []
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(text.removeprefix(b".") if text.startswith(b"..") else text)
                self.mails.append((said, b"".join(lines)))
                self._say("250 taken")
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                said.append(line.decode().strip())
                self._say("250 fine")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        server.server_close()


def by_mail(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    said = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "extra": {"from_email": "pipeline@example.org", "to": ["office@example.org"], "disable_ssl": True,
                  "disable_tls": True, "retry_limit": 0},
    }  # fmt: skip
    monkeypatch.setenv(CONNECTION, json.dumps(said))


def by_webhook(monkeypatch: pytest.MonkeyPatch, port: int, kind: str = "http") -> None:
    said = {"conn_type": kind, "schema": "http", "host": "127.0.0.1", "port": port, "password": PASSWORD}
    monkeypatch.setenv(CONNECTION, json.dumps(said | {"extra": {"path": "/hooks/office"}}))


def outcomes(settings: Settings) -> list[tuple[str, str]]:
    return [(line["kind"], line["outcome"]) for line in store.read_lines(settings.place(NAME))]


def run_of(quarter: FiscalQuarter) -> dict[str, Any]:
    return {"dag_run": SimpleNamespace(partition_key=str(quarter))}


def figures_of(settings: Settings) -> set[str]:
    """Every figure of the candidate as a reader would see it, from three signs on."""
    folder, _ = candidate.current(settings, QUARTER)
    rows = json.loads((folder / "files" / "tables" / "metric_values.json").read_bytes())
    assert rows
    shown = {str(row[name]) for row in rows for name in ("numerator", "value") if row.get(name) is not None}
    return {text for text in shown if len(text) >= 3}


def test_a_mail_tells_that_a_candidate_waits_and_holds_no_figure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mailbox.mails.clear()
    with serving(socketserver.TCPServer(("127.0.0.1", 0), Mailbox)) as port:
        by_mail(monkeypatch, port)
        Notice(WAITS)(run_of(QUARTER))
    [(envelope, content)] = Mailbox.mails
    assert "RCPT TO:<office@example.org>" in " ".join(envelope).upper().replace(
        "OFFICE@EXAMPLE.ORG", "office@example.org"
    )
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert mail["subject"] == "SAMPLE: FY2023-Q4 waits for a decision"
    body = mail.get_body()
    assert body is not None
    text = body.get_content()
    digest = candidate.current(settings, QUARTER)[1]["candidate_digest"]
    assert f"/releases/candidates/FY2023-Q4/{digest}/" in text
    assert "Due by 2023-04-28" in text
    assert {figure for figure in figures_of(settings) if figure in text.replace(digest, "")} == set()
    assert outcomes(settings) == [(WAITS, "sent")]


def test_a_webhook_tells_that_a_release_is_out_with_the_digest_to_keep(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = released(settings, "b2", shift=1)
    hook = Webhook()
    with serving(hook.server) as port:
        by_webhook(monkeypatch, port)
        Notice(RELEASED)(run_of(QUARTER))
    [(path, headers, content)] = hook.seen
    assert path == "/hooks/office"
    assert headers["Authorization"] == f"Bearer {PASSWORD}"
    manifest = store.read_json(folder / "manifest.json")
    assert content["about"] == "FY2023-Q4/r1"
    assert manifest["manifest_digest"] in content["text"]
    assert content["link"].endswith("/releases/FY2023-Q4/r1/")
    assert PASSWORD not in settings.place(NAME).read_text()


def test_a_notice_that_was_sent_is_not_sent_again_and_another_candidate_is_told_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Webhook()
    with serving(hook.server) as port:
        by_webhook(monkeypatch, port)
        for _ in range(3):
            tell(settings, WAITS, QUARTER)
        assert len(hook.seen) == 1
        prepared(settings, "b2", shift=1)
        tell(settings, WAITS, QUARTER)
    assert len({content["about"] for _, _, content in hook.seen}) == 2


@pytest.mark.parametrize(("status", "headers"), [(500, {}), (302, {"Location": "http://127.0.0.1:9/elsewhere"})])
def test_a_notice_that_cannot_be_sent_stops_nothing_and_is_sent_the_next_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str]
) -> None:
    with serving(Webhook(status, headers).server) as port:
        by_webhook(monkeypatch, port)
        tell(settings, WAITS, QUARTER)
    hook = Webhook()
    with serving(hook.server) as port:
        by_webhook(monkeypatch, port)
        tell(settings, WAITS, QUARTER)
    assert outcomes(settings) == [(WAITS, "not sent: HTTPError"), (WAITS, "sent")]
    assert len(hook.seen) == 1


def test_a_connection_that_is_missing_or_of_another_kind_is_taken_down_as_not_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(settings, WAITS, QUARTER)
    by_webhook(monkeypatch, 1, kind="postgres")
    tell(settings, WAITS, QUARTER)
    (_, missing), (_, other) = outcomes(settings)
    assert missing.startswith("not sent: ")
    assert other == f"not sent: {BadSettings.__name__}"


def test_without_a_connection_in_the_settings_nobody_is_told(settings: Settings) -> None:
    tell(dataclasses.replace(settings, notices=""), WAITS, QUARTER)
    assert not settings.place(NAME).exists()


def test_what_a_passed_deadline_calls_tells_that_the_quarter_is_overdue(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Webhook()
    with serving(hook.server) as port:
        by_webhook(monkeypatch, port)
        overdue({"dag_run": {"partition_key": str(QUARTER)}, "deadline": {}})
    [(_, _, content)] = hook.seen
    assert content["kind"] == OVERDUE
    assert "It was due by 2023-04-28" in content["text"]


def test_a_deadline_is_the_day_on_which_the_release_is_due_or_a_week_if_that_is_over(settings: Settings) -> None:
    due = due_at(settings, LATER)
    before, after = due - timedelta(seconds=1), due
    assert deadline_of(settings, LATER, before) == due
    assert deadline_of(settings, LATER, after) == after + A_WEEK


def test_airflow_finds_the_deadline_of_a_run_by_the_quarter_it_carries(settings: Settings) -> None:
    dag = runpy.run_path(str(PROJECT / "dags" / "check_board_gate.py"))["dag"]
    [alert] = dag.deadline
    read = decode_deadline_alert(encode_deadline_alert(alert))
    engine = create_engine("sqlite://")
    DagRun.metadata.create_all(engine, tables=[DagRun.__table__])
    quarter = FiscalQuarter.containing(datetime.now(UTC).date()).next()
    with Session(engine) as session:
        said = {"dag_id": dag.dag_id, "run_id": "one", "run_type": "manual", "state": "queued", "log_template_id": 1}
        session.execute(
            insert(DagRun.__table__).values(**said, partition_key=str(quarter), run_after=datetime.now(UTC))
        )
        moment = read.reference.evaluate_with(session=session, interval=read.interval, dag_id=dag.dag_id, run_id="one")
    assert moment == due_at(settings, quarter)
    assert isinstance(alert.reference, ReleaseDue)
    assert alert.callback.path == "events.notices.overdue"


# The question.


def test_the_question_says_where_to_look_what_warned_and_holds_no_figure(settings: Settings) -> None:
    digest = candidate.current(settings, QUARTER)[1]["candidate_digest"]
    asked = question(settings, QUARTER)
    assert f"(/releases/candidates/FY2023-Q4/{digest}/)" in asked
    assert "This is the first release." in asked
    assert "None; 3 checks passed." in asked
    assert "After the standard cut-off: `hotline/case`. Without a manifest" in asked
    assert {figure for figure in figures_of(settings) if figure in asked.replace(digest, "")} == set()


def test_a_warning_is_in_the_question_with_what_to_do_about_it(settings: Settings) -> None:
    folder, _ = candidate.current(settings, QUARTER)
    verdict = store.read_json(folder / "verdict.json")
    verdict["checks"][1] |= {"loudness": "warn", "status": "failed", "found": "1 of 24 rows", "next": "Ask why."}
    store.write_json(folder / "verdict.json", verdict)
    assert "1 of 3 checks warn:\n\n* `Expect1`, x: 1 of 24 rows. Ask why." in question(settings, QUARTER)


def test_the_question_about_a_revision_says_what_it_changes_in_counts(settings: Settings) -> None:
    decided(settings)
    release.publish(settings, QUARTER)
    prepared(settings, "b2", shift=1)
    checked(settings)
    asked = question(settings, QUARTER)
    revision = store.read_json(candidate.current(settings, QUARTER)[0] / "files" / "revision.json")
    assert "It revises FY2023-Q4/r1: METHOD_CHANGE (by the records)." in asked
    assert f"Figures changed {revision['figures']['changed']}, added 0, removed 0" in asked
    assert f"{len(revision['headline'])} of them in the headline" in asked
    assert "**A change is material.**" in asked


def test_the_question_about_another_quarter_names_the_metrics_that_differ(settings: Settings) -> None:
    decided(settings)
    folder = settings.place(release.publish(settings, QUARTER)["path"])
    prepared(settings, "b2", LATER)
    checked(settings, LATER)
    assert "the last release is FY2023-Q4/r1. Metrics: the same." in question(settings, LATER)
    manifest = store.read_json(folder / "manifest.json")
    versions = manifest["metric_versions"] | {"gov_statements": 0, "was_there": 1}
    del versions["ai_reviews"]
    store.write_json(folder / "manifest.json", manifest | {"metric_versions": versions})
    asked = question(settings, LATER)
    assert "Metrics: new: `ai_reviews`; gone: `was_there`; defined anew: `gov_statements`." in asked


def test_p24_a_question_whose_time_is_over_approves_nothing(settings: Settings) -> None:
    gate = BoardGate(task_id="approve")
    assert gate.response_timeout
    assert not gate.defaults  # what Airflow would take for an answer when the time is over
    over = {"error": "nobody answered", "error_type": "timeout"}
    digest = candidate.current(settings, QUARTER)[1]["candidate_digest"]
    with pytest.raises(HITLTimeoutError):
        gate.execute_complete(run_of(QUARTER), over, digest)
    assert approval.decisions(settings) == []
    with pytest.raises(NotApproved):  # whatever started it
        release.publish(settings, QUARTER)
    assert not settings.place("releases", str(QUARTER)).exists()


def test_p31_a_hostile_name_stays_text_in_the_question(settings: Settings) -> None:
    hostile = HOSTILE + "`|[x](javascript:alert(1))\n# big"
    candidate.prepare_build(settings, QUARTER, "b1", hostile)
    checked(settings)
    asked = question(settings, QUARTER)
    line = next(line for line in asked.split("\n") if line.startswith("| Prepared by"))
    assert line.count("`") == 2
    assert line.endswith("` |")
    assert "alert(1))# big" in line


# The calendar.


def test_the_calendar_says_when_a_quarter_ends_is_cut_off_and_is_due(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    [entry] = calendar(settings, QUARTER, QUARTER)
    assert (entry.quarter.end.isoformat(), entry.cutoff_on.isoformat()) == ("2023-03-31", "2023-04-14")
    assert (entry.due_on.isoformat(), entry.due_on) == ("2023-04-28", due_on(settings, QUARTER))


@pytest.mark.parametrize(
    ("clock", "state"),
    [
        ("2023-03-31T23:59:59+09:00", "open"),
        ("2023-04-01T00:00:00+09:00", "collecting"),
        ("2023-04-14T23:59:59+09:00", "collecting"),
        ("2023-04-15T00:00:00+09:00", "closing"),
        ("2023-04-28T23:59:59+09:00", "closing"),
        ("2023-04-29T00:00:00+09:00", "overdue"),
    ],
)
def test_the_state_of_a_quarter_turns_at_midnight_of_the_company(tmp_path: Path, clock: str, state: str) -> None:
    settings = dataclasses.replace(settings_at(tmp_path), clock=clock)
    store.folder(settings.place("candidates", str(QUARTER.previous())))
    assert [entry.state for entry in calendar(settings, QUARTER.plus(-2), QUARTER)][::2] == ["before the first", state]


@pytest.mark.parametrize(
    ("clock", "state"), [("2023-04-28T23:59:59+09:00", "released"), ("2023-04-29T00:00:00+09:00", "released late")]
)
def test_a_release_is_in_time_until_the_end_of_the_day(tmp_path: Path, clock: str, state: str) -> None:
    settings = dataclasses.replace(settings_at(tmp_path), clock=clock)
    released(settings)
    later = dataclasses.replace(settings, clock="2023-06-01T00:00:00+09:00")
    released(later, "b2", shift=1)
    [entry] = calendar(later, QUARTER, QUARTER)
    assert (entry.state, entry.release) == (state, "FY2023-Q4/r2")


def test_a_release_is_never_due_before_its_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("cutoff_business_days = 10\ndue_business_days = 10\n")
    assert Settings.load(file).due_business_days == 10
    file.write_text("cutoff_business_days = 10\ndue_business_days = 9\n")
    with pytest.raises(BadSettings):
        Settings.load(file)
