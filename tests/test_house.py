"""The house rules that a reader would check first, compared with the code."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

from pipeline import errors
from pipeline.cli import main
from pipeline.settings import PROJECT

PACKAGES = ("pipeline", "ingest", "dbt_project", "expectations", "publish", "events", "portal", "samples")
STEPS = ("ingest", "dbt_project", "expectations", "publish", "events", "portal", "samples", "dags")
MODULES = sorted(file for package in PACKAGES for file in (PROJECT / package).rglob("*.py"))
TRACKED = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split(
    "\n"
)

# Below a floor a known fault lets somebody in, or names the wrong person in the audit log (docs/decisions/005).
SECURITY_FLOORS = {
    "apache-airflow": (3, 3, 2),
    "dbt-core": (1, 11, 16),
    "duckdb": (2, 0, 0),
    "great-expectations": (1, 24, 1),
    "sqlparse": (0, 6, 0),
}


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    """Top-level packages that an import statement names."""
    if isinstance(node, ast.Import):
        return [name.name.split(".")[0] for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").split(".")[0]]
    return []


def test_no_file_is_a_bag_of_things() -> None:
    bags = {"utils", "util", "common", "misc", "helpers", "helper"}
    assert [name for name in TRACKED if bags & {Path(part).stem for part in Path(name).parts}] == []


def test_every_package_is_installed() -> None:
    text = (PROJECT / "pyproject.toml").read_text()
    assert [name for name in PACKAGES if f'"{name}"' not in text] == []


def test_the_shared_words_import_no_step() -> None:
    stepping = [
        file.name
        for file in MODULES
        if file.parent.name == "pipeline"
        for node in tree(file).body
        if set(imported(node)) & set(STEPS)
    ]
    assert stepping == []


def test_what_checks_cannot_be_what_releases() -> None:
    crossing = [
        (file.name, name)
        for here, there in (("expectations", "publish"), ("publish", "expectations"))
        for file in MODULES
        if file.parent.name == here
        for node in ast.walk(tree(file))
        for name in imported(node)
        if name == there
    ]
    assert crossing == []


def test_only_one_place_opens_duckdb() -> None:
    opening = [
        str(file.relative_to(PROJECT))
        for file in MODULES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute)
        and node.attr == "connect"
        and isinstance(node.value, ast.Name)
        and node.value.id == "duckdb"
    ]
    assert opening == ["pipeline/database.py"]


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_every_public_name_says_what_it_is_for(file: Path) -> None:
    module = tree(file)
    public = [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert module.body == [] or ast.get_docstring(module), f"{file.name} has no docstring"
    assert [node.name for node in public if not ast.get_docstring(node)] == []


def test_the_lock_pins_everything_with_hashes_and_names_no_registry() -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock)
    assert [entry.split("\n")[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert "://" not in lock


@pytest.mark.parametrize(("package", "floor"), SECURITY_FLOORS.items())
def test_the_lock_keeps_above_the_security_floor(package: str, floor: tuple[int, ...]) -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    pinned = re.search(rf"^{package}==([0-9.]+)", lock, re.MULTILINE)
    assert pinned is not None
    assert tuple(int(part) for part in pinned[1].split(".")) >= floor


def test_the_wheel_carries_contracts_models_and_thresholds(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in filter(None, TRACKED):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, target)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        check=True,
        capture_output=True,
    )
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    wanted = {
        name
        for name in TRACKED
        if name.startswith(("ingest/contracts/", "dbt_project/models/", "dbt_project/seeds/", "dags/"))
        and name.endswith((".yaml", ".yml", ".sql", ".csv", ".py"))
    } | {"expectations/thresholds.yml", "dbt_project/dbt_project.yml", "samples/settings.toml"}
    assert wanted - names == set()


def test_no_tracked_text_has_a_scaffold_or_a_path_of_a_machine() -> None:
    # The words of unfinished work, and the homes of people on Linux and macOS. This line is the rule itself, so this
    # file is left out, as are the tests of the doors, which plant such a path to see that it is stopped.
    scaffold = re.compile(r"\b(TODO|FIXME|XXX)\b|/(home|root|Users)/[a-z]")
    found = [
        name
        for name in TRACKED
        if name.endswith((".py", ".sql", ".yml", ".yaml", ".md", ".toml", ".html", ".csv"))
        and name != "tests/test_house.py"
        and not name.startswith("tests/test_doors")
        and scaffold.search((PROJECT / name).read_text(encoding="utf-8"))
    ]
    assert found == []


def documented(section: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, section, re.MULTILINE))


def test_every_command_is_documented_and_has_help() -> None:
    text = (PROJECT / "docs" / "commands.md").read_text()
    assert isinstance(main, click.Group)
    assert documented(text, r"^\| `hrdd ([\w-]+)") == set(main.commands)
    assert [name for name, command in main.commands.items() if not command.help] == []


def test_every_exit_code_is_documented() -> None:
    text = (PROJECT / "docs" / "commands.md").read_text()
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HrddError)]
    rows = dict(re.findall(r"^\| (\d+) \| (\w+) \|", text, re.MULTILINE))
    assert rows == {str(kind.exit_code): kind.__name__ for kind in kinds}


def test_the_verbs_of_the_glossary_are_the_commands() -> None:
    text = (PROJECT / "docs" / "glossary.md").read_text()
    verbs = documented(text, r"^\| \*\*(\w+)\*\* \|")
    assert verbs == {"land", "load", "build", "prepare", "check", "publish"}
    assert isinstance(main, click.Group)
    assert verbs <= set(main.commands)


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    broken = [
        (name, target)
        for name in TRACKED
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (PROJECT / name).read_text())
        if not (PROJECT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_every_decision_has_a_number_of_its_own_and_says_it() -> None:
    decisions = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    numbers = [file.name[:3] for file in decisions]
    assert numbers == [f"{number:03d}" for number in range(1, len(decisions) + 1)]
    assert [file.read_text(encoding="utf-8")[:5] for file in decisions] == [f"# {number}" for number in numbers]
