"""The little of Airflow's REST API that a launcher needs, each call with the token of the user who makes it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from events.home import Home


class Refused(Exception):
    """The API answered with an error; ``status`` is its number."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class Airflow:
    """One running Airflow, seen through its API. Only what began after this object was made is shown."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.since = datetime.now(UTC).isoformat()
        self.last_gates: list[dict[str, Any]] = []
        self._tokens: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None, user: str | None = "admin") -> Any:
        """One request; the answer as a value. Raises Refused for a status of 400 or more, OSError for no answer."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if user:
            headers["Authorization"] = f"Bearer {self._token(user)}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.home.url + path, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as fault:
            raise Refused(fault.code, fault.read().decode(errors="replace")) from None
        return json.loads(text) if text else None

    def ping_tasks(self) -> None:
        """Ask the server that tasks talk to for a sign of life."""
        urllib.request.urlopen(f"http://127.0.0.1:{self.home.task_port}/execution/health/ping", timeout=30).close()

    def is_healthy(self) -> bool:
        """Whether scheduler, triggerer and DAG processor have all reported to the API server."""
        health = self.call("GET", "/api/v2/monitor/health", user=None)
        return all(
            health.get(name, {}).get("status") == "healthy"
            for name in ("metadatabase", "scheduler", "triggerer", "dag_processor")
        )

    def dags(self) -> set[str]:
        """Ids of the DAGs that Airflow has read."""
        return {dag["dag_id"] for dag in self.call("GET", "/api/v2/dags?limit=100")["dags"]}

    def runs(self) -> list[dict[str, Any]]:
        """Every run of every DAG."""
        query = urlencode({"run_after_gte": self.since, "limit": 100})
        return self.call("GET", f"/api/v2/dags/~/dagRuns?{query}")["dag_runs"]

    def tasks(self) -> list[dict[str, Any]]:
        """Every task of every run, in its newest try."""
        query = urlencode({"run_after_gte": self.since, "limit": 100})
        return self.call("GET", f"/api/v2/dags/~/dagRuns/~/taskInstances?{query}")["task_instances"]

    def result(self, task: dict[str, Any], key: str = "return_value") -> Any:
        """What a task left beside it under a key, or nothing."""
        try:
            return self.call("GET", _path(task) + f"/xcomEntries/{key}?deserialize=true")["value"]
        except Refused:
            return None

    def gates(self) -> list[dict[str, Any]]:
        """The gates that wait for an answer now."""
        path = "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input&limit=100"
        answer = self.call("GET", path)["hitl_details"]
        self.last_gates = [gate["task_instance"] for gate in answer]
        return answer

    def answer(self, task: dict[str, Any], user: str, option: str, reason: str) -> None:
        """Answer a gate as a user, with that user's own token."""
        body = {"chosen_options": [option], "params_input": {"reason": reason}}
        self.call("PATCH", _path(task) + "/-1/hitlDetails", body, user=user)

    def announce(self, asset: str, quarter: str) -> None:
        """Send the event of an asset for a quarter again."""
        found = self.call("GET", "/api/v2/assets?" + urlencode({"name_pattern": asset}))["assets"]
        number = next(entry["id"] for entry in found if entry["name"] == asset)
        self.call("POST", "/api/v2/assets/events", {"asset_id": number, "partition_key": quarter})

    def wake(self) -> None:
        """Have the landing looked at although nothing arrived, as the user who may start runs."""
        self.call("POST", "/api/v2/dags/land_extracts/dagRuns", {"logical_date": None}, user="preparer")

    def _token(self, user: str) -> str:
        if user not in self._tokens:
            body = {"username": user, "password": self.home.password(user)}
            self._tokens[user] = self.call("POST", "/auth/token", body, user=None)["access_token"]
        return self._tokens[user]


def _path(task: dict[str, Any]) -> str:
    run = quote(task["dag_run_id"], safe="")
    return f"/api/v2/dags/{task['dag_id']}/dagRuns/{run}/taskInstances/{task['task_id']}"
