"""The DAG files: which there are, how they are wired, and what they must not do when they are read."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import PROJECT

FILES = sorted((PROJECT / "dags").glob("*.py"))
DAGS = {
    "pull_extracts",
    "land_extracts",
    "build_mart",
    "prepare_candidate",
    "check_board_gate",
    "publish_board_release",
}
FAMILIES = {"raw/hr", "raw/procurement", "raw/hotline", "raw/training", "raw/register"}

READ = """
import importlib.util, json, sys
told = {}
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("read_" + path.split("/")[-1][:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dag = module.dag
    waits = dag.timetable.asset_condition
    told[path] = {
        "dag_id": dag.dag_id,
        "doc": dag.doc_md,
        "paused": dag.is_paused_upon_creation,
        "runs": dag.max_active_runs,
        "timetable": type(dag.timetable).__name__,
        "waits_for": sorted(asset.name for asset in getattr(waits, "objects", [waits]) if hasattr(asset, "name")),
        "tasks": {
            task.task_id: {
                "after": sorted(task.upstream_task_ids),
                "outlets": sorted(asset.name for asset in task.outlets),
                "retries": task.retries,
                "bounded": task.execution_timeout is not None or getattr(task, "response_timeout", None) is not None,
                "rule": str(task.trigger_rule.value),
            }
            for task in dag.tasks
        },
    }
engines = {"dbt", "great_expectations", "duckdb", "pandas", "asyncssh", "psycopg2"}
heavy = sorted({name.split(".")[0] for name in sys.modules} & engines)
print(json.dumps({"dags": told, "heavy": heavy}))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Every DAG file, read in a fresh process."""
    answer = subprocess.run(
        [sys.executable, "-c", READ, *map(str, FILES)], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout.strip().split("\n")[-1])


@pytest.fixture(scope="module")
def dags(told: dict[str, Any]) -> dict[str, Any]:
    return {dag["dag_id"]: dag for dag in told["dags"].values()}


def test_there_are_exactly_these_dags(dags: dict[str, Any]) -> None:
    assert set(dags) == DAGS


def test_a_dag_file_bears_the_name_of_its_dag(told: dict[str, Any]) -> None:
    assert {Path(path).stem: dag["dag_id"] for path, dag in told["dags"].items()} == {name: name for name in DAGS}


def test_every_dag_says_what_it_does(dags: dict[str, Any]) -> None:
    assert {name for name, dag in dags.items() if len(dag["doc"] or "") < 80} == set()


def test_a_dag_is_awake_from_the_start(dags: dict[str, Any]) -> None:
    """Airflow does not watch for a paused DAG."""
    assert {name for name, dag in dags.items() if dag["paused"] is not False} == set()


def test_reading_the_dags_imports_nothing_heavy(told: dict[str, Any]) -> None:
    assert told["heavy"] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dag_file_holds_no_query_and_reads_no_environment(file: Path) -> None:
    module = ast.parse(file.read_text())
    names = {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    texts = [node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert names & {"environ", "getenv", "open", "read_text", "connect", "execute"} == set()
    assert [text for text in texts if " from " in text.lower() and "select " in text.lower()] == []


def test_each_step_starts_because_the_one_before_it_happened(dags: dict[str, Any]) -> None:
    waits = {name: set(dag["waits_for"]) for name, dag in dags.items()}
    sends = {name: {asset for task in dag["tasks"].values() for asset in task["outlets"]} for name, dag in dags.items()}
    assert waits == {
        "pull_extracts": set(),
        "land_extracts": {"landing/extracts"},
        "build_mart": FAMILIES,
        "prepare_candidate": {"mart/due_diligence"},
        "check_board_gate": {"candidate/board"},
        "publish_board_release": {"gate/board"},
    }
    assert sends == {
        "pull_extracts": set(),  # what it puts into the landing is an arrival like any other
        "land_extracts": FAMILIES,
        "build_mart": {"mart/due_diligence"},
        "prepare_candidate": {"candidate/board"},
        "check_board_gate": {"gate/board"},
        "publish_board_release": {"release/board"},
    }


def test_nothing_but_the_look_at_the_sources_is_started_by_a_clock(dags: dict[str, Any]) -> None:
    kinds = {dag["timetable"] for name, dag in dags.items() if name != "pull_extracts"}
    assert kinds == {"AssetTriggeredTimetable", "PartitionedAssetTimetable"}
    assert dags["pull_extracts"]["timetable"] == "CronTriggerTimetable"


def test_only_the_answered_gate_sends_what_publishing_waits_for(dags: dict[str, Any]) -> None:
    gate = dags["check_board_gate"]["tasks"]
    assert gate["check"]["outlets"] == []
    assert gate["approve"] == gate["approve"] | {"after": ["check"], "outlets": ["gate/board"], "rule": "all_success"}
    assert set(dags["publish_board_release"]["tasks"]) == {"publish"}


def test_a_refused_file_does_not_keep_the_others_from_the_next_task(dags: dict[str, Any]) -> None:
    tasks = dags["land_extracts"]["tasks"]
    assert {name: (task["after"], task["rule"]) for name, task in tasks.items()} == {
        "land": ([], "all_success"),
        "load": (["land"], "all_done"),
        "check": (["load"], "all_done"),
        "announce": (["check"], "all_done"),
        "report": (["check", "land", "load"], "one_failed"),
    }


def test_a_killed_task_is_tried_again_and_none_runs_for_ever(dags: dict[str, Any]) -> None:
    tasks = {(name, task): told for name, dag in dags.items() for task, told in dag["tasks"].items()}
    assert {key for key, task in tasks.items() if task["retries"] < 1} == {("land_extracts", "report")}
    assert {key for key, task in tasks.items() if not task["bounded"]} == set()


def test_one_build_at_a_time_but_several_gates_may_wait(dags: dict[str, Any]) -> None:
    assert {name: dag["runs"] for name, dag in dags.items()} == {
        "pull_extracts": 1,
        "land_extracts": 1,
        "build_mart": 1,
        "prepare_candidate": 1,
        "check_board_gate": 16,
        "publish_board_release": 1,
    }


def test_the_dags_are_read_without_a_setting(told: dict[str, Any], tmp_path: Path) -> None:
    """A settings file that is broken stops a task, with its four parts, and never the reading of the DAGs."""
    environment = os.environ | {"HRDD_SETTINGS": str(tmp_path / "missing.toml")}
    answer = subprocess.run(
        [sys.executable, "-c", READ, *map(str, FILES)], cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert len(json.loads(answer.stdout.strip().split("\n")[-1])["dags"]) == len(DAGS)
