"""Notices to the office, by mail or webhook: a candidate waits, a release is out, a release is overdue.

They go through the Airflow connection that ``notices`` of the settings names, and hold no figure: a quarter, a digest
and an address behind the sign-in. A notice that cannot be sent stops nothing; what became of each stands in
``notices.jsonl``, and one that was sent is not sent again.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from airflow.configuration import conf
from airflow.sdk import BaseHook, BaseNotifier, Connection

from pipeline import store
from pipeline.calendar import due_on
from pipeline.errors import BadSettings
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

NAME = "notices.jsonl"
WAITS, RELEASED, OVERDUE = "candidate_waits", "release_is_out", "release_is_overdue"
SECONDS = 20.0


@dataclass(frozen=True)
class Message:
    """What is told: about which candidate or release, in one sentence, and where to look."""

    kind: str
    quarter: str
    about: str
    subject: str
    text: str
    link: str


class Notice(BaseNotifier):
    """Tells the office of what just happened to the quarter of a run."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def notify(self, context: Any) -> None:
        """Send it, if the settings name a connection."""
        tell(Settings.load(), self.kind, FiscalQuarter.parse(context["dag_run"].partition_key or ""))


def overdue(context: dict[str, Any]) -> None:
    """What Airflow calls when a deadline of ``events.deadlines`` has passed and the run still waits."""
    tell(Settings.load(), OVERDUE, FiscalQuarter.parse(context["dag_run"]["partition_key"]))


def tell(settings: Settings, kind: str, quarter: FiscalQuarter) -> None:
    """Send a notice unless it was sent before or nobody wants any, and take down what became of it. Raises nothing."""
    if not settings.notices:
        return
    message = message_of(settings, kind, quarter)
    told = {"kind": kind, "about": message.about, "outcome": "sent"}
    with store.alone(settings.place(".locks", "notices")):
        if any(told.items() <= line.items() for line in store.read_lines(settings.place(NAME))):
            return
        try:
            deliver(settings.notices, message)
        except Exception as fault:
            # The words of a fault may hold an address or a password: its kind is enough to look for it.
            told["outcome"] = f"not sent: {type(fault).__name__}"
        moment = datetime.now(UTC).replace(microsecond=0).isoformat()
        store.append_line(settings.place(NAME), {**told, "through": settings.notices, "at": moment})


def message_of(settings: Settings, kind: str, quarter: FiscalQuarter) -> Message:
    """The words of a notice. They follow from records that hold no figure."""
    pages = conf.get("api", "base_url", fallback="").rstrip("/") + "/releases/"
    mark = "SAMPLE: " if settings.is_sample else ""
    if kind == RELEASED:
        folders = settings.place("releases", str(quarter)).glob("r[0-9]*/manifest.json")
        manifest = max((store.read_json(file) for file in folders), key=lambda manifest: manifest["revision"])
        release, digest = manifest["release"], manifest["manifest_digest"]
        return Message(
            kind,
            str(quarter),
            release,
            f"{mark}{release} is released",
            f"{release} is released. Its manifest digest is {digest}: who keeps this notice can prove the release.",
            f"{pages}{release}/",
        )
    digest = store.read_json(settings.place("candidates", str(quarter), "current.json"))["candidate_digest"]
    link = f"{pages}candidates/{quarter}/{digest}/"
    due = due_on(settings, quarter).isoformat()
    said = f"A candidate of {quarter} ({digest[:12]}) waits for the decision of an approver."
    if kind == OVERDUE:
        return Message(kind, str(quarter), digest, f"{mark}{quarter} is overdue", f"{said} It was due by {due}.", link)
    return Message(kind, str(quarter), digest, f"{mark}{quarter} waits for a decision", f"{said} Due by {due}.", link)


def deliver(connection_id: str, message: Message) -> None:
    """Send a message through an Airflow connection: of type ``smtp`` as a mail, of type ``http`` as a webhook.

    A mail goes to ``to`` of the connection's extra (an address or a list). A webhook gets JSON with ``text``, ``kind``,
    ``quarter``, ``about`` and ``link`` at ``path`` of the extra; a password is sent as a bearer token.
    """
    connection = BaseHook.get_connection(connection_id)
    extra = connection.extra_dejson
    if connection.conn_type in ("smtp", "email"):
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        body = f'<p>{escape(message.text)}</p><p><a href="{escape(message.link)}">{escape(message.link)}</a></p>'
        with SmtpHook(connection_id) as hook:
            hook.send_email_smtp(to=extra["to"], subject=message.subject, html_content=body)
    elif connection.conn_type in ("http", "https"):
        _post(connection, extra, message)
    else:
        raise BadSettings(
            "Notices cannot be sent this way.",
            found=f"a connection of type {connection.conn_type}",
            expected="a connection of type smtp or http",
            rule="events/notices.py; settings.toml, notices",
            next_step="name such a connection, or none",
        )


def _post(connection: Connection, extra: dict[str, Any], message: Message) -> None:
    host = connection.host or ""
    base = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    port = f":{connection.port}" if connection.port else ""
    content = {
        "text": f"{message.text} {message.link}",
        "kind": message.kind,
        "quarter": message.quarter,
        "about": message.about,
        "link": message.link,
    }
    headers = {"Content-Type": "application/json"}
    if connection.password:
        headers["Authorization"] = f"Bearer {connection.password}"
    address = f"{base}{port}/{str(extra.get('path', '')).lstrip('/')}"
    request = urllib.request.Request(address, json.dumps(content).encode(), headers, method="POST")
    with urllib.request.build_opener(_SameAddress).open(request, timeout=SECONDS):
        pass


class _SameAddress(urllib.request.HTTPRedirectHandler):
    """A webhook that moves elsewhere is refused: what it is told, and its token, are meant for one address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
