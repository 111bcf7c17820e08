"""The command line: the same functions that the Airflow tasks call, one command a verb."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline import store
from pipeline.errors import GateFailed, HrddError, NotApproved
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings

OUT = Console(soft_wrap=True, highlight=False)


class Quarter(click.ParamType):
    """A fiscal quarter on the command line, such as FY2023-Q4."""

    name = "quarter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FiscalQuarter:
        return value if isinstance(value, FiscalQuarter) else FiscalQuarter.parse(value)


class Commands(click.Group):
    """A group whose commands end in four parts and an exit code, and never in a traceback, when a rule stops them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HrddError as stop:
            click.echo(str(stop), err=True)
            ctx.exit(stop.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--settings", "file", type=click.Path(path_type=Path), help="The settings file (else HRDD_SETTINGS).")
@click.option("--data", type=click.Path(path_type=Path), help="The data folder (else HRDD_DATA, else data).")
@click.version_option(package_name="hrdd")
@click.pass_context
def main(ctx: click.Context, file: Path | None, data: Path | None) -> None:
    """Human rights due diligence: from extracts to board figures that can be proven.

    The way of a quarter: land, load, check the extracts, build, prepare, check the candidate, approve, publish.
    """
    ctx.obj = Settings.load(file, data)


@main.command()
@click.option("--late", is_flag=True, help="Write the late delivery of the sample year too.")
@click.option(
    "--through", type=Quarter(), default="FY2023-Q4", help="Write the quarters of FY2024 too, up to this one."
)
@click.pass_obj
def sample(settings: Settings, late: bool, through: FiscalQuarter) -> None:
    """Write the sample extracts into the landing."""
    from samples.write import write_samples

    written = write_samples(settings, late=late, through=through)
    OUT.print(f"{len(written)} sample extracts lie in {settings.landing_url}")


@main.command()
@click.pass_obj
def land(settings: Settings) -> None:
    """Copy what waits in the landing, byte for byte, and write a receipt for each file."""
    from ingest.land import land, refusals

    receipts = land(settings)
    _told(receipts, "landed", "Nothing new waits in the landing.")
    _stop_at_first(refusals(receipts))


@main.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--contract", "promised", help="The contract of PATH: family.extract, or a contract file.")
@click.option("--into", type=click.Path(path_type=Path), help="The folder for what becomes of PATH.")
@click.pass_context
def load(ctx: click.Context, path: Path | None, promised: str | None, into: Path | None) -> None:
    """Read what landed by its contract: good records to Parquet, every other one to quarantine.

    With a PATH, read that file alone, without a data folder: loaded.parquet, quarantine.parquet and receipt.json
    appear in the folder --into, and one line of JSON tells the counts.
    """
    if (path is None) != (promised is None) or (path is None) != (into is None):
        raise click.UsageError("PATH, --contract and --into go together; without all of them, what landed is loaded.")
    if path is not None and promised is not None and into is not None:
        from ingest.alone import load_file, summary

        receipt, stop = load_file(ctx.obj, path, promised, into)
        click.echo(summary(receipt))
        if stop is not None:
            raise stop
        return
    from ingest.land import refusals
    from ingest.load import load

    receipts = load(ctx.obj)
    _told(receipts, "loaded", "Every landed file is loaded.")
    _stop_at_first(refusals(receipts))


@main.command()
@click.argument("quarter", type=Quarter(), required=False)
@click.pass_obj
def check(settings: Settings, quarter: FiscalQuarter | None) -> None:
    """Run Great Expectations: on the loaded extracts, or, with a QUARTER, on its candidate."""
    if quarter is None:
        from expectations.extract_door import check_extracts, refusals

        verdicts = check_extracts(settings)
        passed = sum(verdict["passed"] for verdict in verdicts)
        OUT.print(f"Extract door: {passed} of {len(verdicts)} new extracts passed.")
        _stop_at_first(refusals(verdicts))
    else:
        from expectations.board_door import check_candidate

        verdict = check_candidate(settings, quarter)
        OUT.print(f"Board door: {verdict['checks_evaluated']} checks evaluated, the candidate of {quarter} passed.")


@main.command()
@click.argument("quarter", type=Quarter())
@click.pass_obj
def build(settings: Settings, quarter: FiscalQuarter) -> None:
    """Run dbt into a fresh database file."""
    from dbt_project.build import build

    record = build(settings, quarter)
    OUT.print(f"Built {quarter} as {record['build_id']}.")


@main.command()
@click.argument("quarter", type=Quarter())
@click.option("--as", "preparer", help="Who prepares (else the preparer of the settings).")
@click.option("--reason", "reasons", multiple=True, metavar="CODE", help="Why a revision differs; may be repeated.")
@click.option("--explain", default="", metavar="TEXT", help="The same in a sentence; the board reads it.")
@click.pass_obj
def prepare(
    settings: Settings, quarter: FiscalQuarter, preparer: str | None, reasons: tuple[str, ...], explain: str
) -> None:
    """Make the candidate: the files a reader would get, protected and checksummed."""
    from publish.candidate import prepare

    candidate = prepare(settings, quarter, prepared_by=preparer, reasons=reasons, explanation=explain)
    OUT.print(f"The candidate of {quarter} is {candidate['candidate_digest']}.")


@main.command()
@click.argument("quarter", type=Quarter())
@click.option("--as", "approver", required=True, help="Who decides; one of the settings' approvers.")
@click.option("--digest", help="The candidate's digest, as the person saw it (else the current candidate's).")
@click.option("--reject", is_flag=True, help="Say no; needs a reason.")
@click.option("--reason", default="", help="Why; kept beside the decision.")
@click.pass_obj
def approve(
    settings: Settings, quarter: FiscalQuarter, approver: str, digest: str | None, reject: bool, reason: str
) -> None:
    """Decide on the checked candidate of a quarter, as a second person."""
    from publish.approval import decide

    pointer = settings.place("candidates", str(quarter), "current.json")
    if digest is None and not pointer.exists():
        raise NotApproved(
            f"There is nothing to approve for {quarter}.",
            found="no candidate",
            expected="a candidate that passed the board door",
            rule="docs/layout.md, candidates/<quarter>/current.json",
            next_step=f"run: hrdd status {quarter}",
        )
    record = decide(
        settings,
        quarter,
        candidate_digest=digest or store.read_json(pointer)["candidate_digest"],
        approver=approver,
        decision="rejected" if reject else "approved",
        reason=reason,
    )
    OUT.print(f"{record['approver']} {record['decision']} {quarter}, candidate {record['candidate_digest']}.")


@main.command()
@click.argument("quarter", type=Quarter())
@click.pass_obj
def publish(settings: Settings, quarter: FiscalQuarter) -> None:
    """Release the approved candidate; refuses every byte that was not checked and approved."""
    from publish.release import publish

    latest = publish(settings, quarter)
    OUT.print(f"Released {latest['release']} in {settings.place('releases', latest['release'])}")


@main.command()
@click.argument("quarter", type=Quarter(), required=False)
@click.pass_obj
def status(settings: Settings, quarter: FiscalQuarter | None) -> None:
    """Show what arrived, what was refused or quarantined and why, and how far each quarter has come."""
    from pipeline.status import extract_rows, quarter_rows

    _table("Extracts", extract_rows(settings, quarter))
    _table("Quarters", quarter_rows(settings, quarter))


@main.command()
@click.argument("metric")
@click.option("--quarter", type=Quarter(), required=True, help="The fiscal quarter, such as FY2023-Q4.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="As known at the end of that day (else today).")
@click.pass_obj
def figure(settings: Settings, metric: str, quarter: FiscalQuarter, as_of: datetime | None) -> None:
    """Show a figure with its target, its neighbors, what each release said, and the rows behind it."""
    from pipeline.figure import figure

    found = figure(settings, quarter, metric, as_of.date() if as_of else None)
    OUT.print(f"{found['title']}, {quarter}: {found['display_value']}", markup=False)
    for name in ("value_state", "numerator", "denominator", "target_value", "target_status", "perimeter", "basis"):
        OUT.print(f"  {name.replace('_', ' ')}: {_written(found[name]) or 'none'}")
    OUT.print(f"  known by: {found['cutoff_at']}, build {found['build_id']}")
    OUT.print(f"  rests on: {', '.join(found['rests_on'])}")
    if found["neighbors"]:
        _table("Under other rules", _texts(found["neighbors"]))
    else:
        OUT.print("Under other rules: its definition knows no other.")
    _table("Releases of the quarter", _texts(found["releases"]))
    saw, known = found["clocks"]["board_saw"], found["clocks"]["known_today"]
    on = f" on {as_of:%Y-%m-%d}" if as_of else ""
    OUT.print(f"As the board saw it{on}: {saw['display_value'] + ', ' + saw['release'] if saw else 'no release'}")
    OUT.print(f"As known today: {known['display_value']}")
    if found["clocks"]["steps"]:
        _table("From the one to the other", _texts(found["clocks"]["steps"]))
    if found["rows"] is None:
        OUT.print("Rows behind it: none on record.")
    else:
        _table(f"The {found['rows']['looked_at']:,} rows it looked at", _texts(found["rows"]["sets"]))
        OUT.print(f"  query: {found['rows']['query']}")


@main.command()
@click.option(
    "--year", type=click.IntRange(1901, 9990), help="A fiscal year, such as 2024; else this one and the last."
)
@click.pass_obj
def calendar(settings: Settings, year: int | None) -> None:
    """Show when each quarter ends, until when its extracts count, when its release is due, and how it stands."""
    from pipeline.calendar import calendar

    this = FiscalQuarter.containing(settings.now().astimezone(ZoneInfo(settings.timezone)).date()).fiscal_year
    entries = calendar(settings, FiscalQuarter(year or this - 1, 1), FiscalQuarter(year or this, 4))
    rows = [
        {
            "quarter": str(entry.quarter),
            "ends": entry.quarter.end.isoformat(),
            "cut-off": entry.cutoff_on.isoformat(),
            "due": entry.due_on.isoformat(),
            "state": entry.state,
            "release": entry.release or "",
        }
        for entry in entries
    ]
    _table(f"Releases ({settings.timezone})", rows)


@main.command()
@click.argument("quarter", type=Quarter(), required=False)
@click.pass_obj
def viewings(settings: Settings, quarter: FiscalQuarter | None) -> None:
    """List who opened a candidate before it was released."""
    from publish.viewings import viewings

    names = ("quarter", "candidate_digest", "person", "opened_at")
    rows = [{name: record[name] for name in names} for record in viewings(settings, quarter)]
    if rows:
        _table("Who opened a candidate", rows)
    else:
        OUT.print("Nobody has opened a candidate.")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--key", "given", multiple=True, metavar="NAME=KEY", help="A signer's public key, if not the settings'.")
@click.option("--head", metavar="DIGEST", help="A line of the releases' log that somebody noted.")
@click.pass_obj
def verify(settings: Settings, folder: Path, given: tuple[str, ...], head: str | None) -> None:
    """Prove a release, or a whole folder of releases with its log, offline."""
    from publish import keys, transparency
    from publish.verify import verify

    trusted = keys.given(given) or keys.trusted(settings)
    if head or folder.name == "releases" or (folder / transparency.NAME).exists():
        proved = transparency.verify_all(folder, trusted, head)
        for report in proved["releases"]:
            _verified(report)
        count = len(proved["releases"])
        entered = "this one release" if count == 1 else f"these {count} releases"
        OUT.print(f"The log holds {entered} and no other; its head is {proved['head']}.")
    else:
        _verified(verify(folder, trusted))


@main.command()
@click.argument("name")
@click.pass_obj
def keys(settings: Settings, name: str) -> None:
    """Make the key with which NAME signs: an approver, or `gate` for the Airflow server."""
    from publish import keys

    public = keys.make(settings, name)
    OUT.print(f"The private key lies in {Path(settings.keys).expanduser()}, closed to everybody else.")
    OUT.print(
        "Add this line to the settings under [public_keys]; keys that stand there already stay, after the new one:"
    )
    OUT.print(f'{name} = ["{public}"]', markup=False)


@main.command()
@click.argument("release")
@click.pass_obj
def reproduce(settings: Settings, release: str) -> None:
    """Make a release, such as FY2023-Q4/r1, again from its receipts, and compare every byte."""
    from pipeline.reproduce import reproduce

    report = reproduce(settings, release)
    OUT.print(f"Reproduced {report['release']}: {report['files']} files are the same, byte for byte.")


@main.command()
@click.argument("metric")
@click.option("--quarter", "quarter", type=Quarter(), required=True)
@click.option("--into", "folder", type=click.Path(path_type=Path), required=True, help="A folder not there yet.")
@click.pass_obj
def audit_pack(settings: Settings, metric: str, quarter: FiscalQuarter, folder: Path) -> None:
    """Gather what proves one figure: definition, releases, receipts, checks, approvals."""
    from publish.audit import gather

    files = gather(settings, metric, quarter, folder)
    OUT.print(f"{len(files)} files about {metric} in {quarter} lie in {folder}.")


def _verified(report: dict[str, Any]) -> None:
    sample = " SAMPLE: its key proves nothing." if report["is_sample"] else ""
    OUT.print(
        f"Verified {report['release']}: {report['files']} files are what the manifest says; approved by "
        f"{report['approver']}, signed by {report['signed_by']} with {report['key']}.{sample}"
    )
    OUT.print(f"Manifest digest: {report['manifest_digest']}")


@main.command()
@click.argument("folders", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Ask what a pack must keep that leaves the company.")
@click.pass_obj
def attack(settings: Settings, folders: tuple[Path, ...], strict: bool) -> None:
    """Try to work out withheld counts from release folders, oldest first; needs nothing but their files."""
    from expectations.attack import attack

    report = attack(settings, folders, strict=strict)
    if not report.stands:
        raise GateFailed(
            "The attack succeeded, or could not be carried through.",
            found="; ".join(sorted(report.broken)),
            expected="no rule of the programme of tables broken, and every question settled",
            rule="expectations/attack.py",
            next_step="do not pass these folders on; docs/disclosure.md says what each rule means",
        )
    OUT.print("The attack found nothing: every withheld count may be nobody, and may be enough.")


def _told(receipts: list[dict[str, Any]], verb: str, nothing: str) -> None:
    """Say how many files went well and how many records were held back, by extract."""
    for receipt in receipts:
        if receipt.get("refusal") is None:
            held = f", {receipt['quarantined']} quarantined" if receipt.get("quarantined") else ""
            records = f" {receipt['loaded']} records{held}" if "loaded" in receipt else ""
            OUT.print(f"{verb} {receipt['family']}/{receipt['extract']}{records}")
    if not receipts:
        OUT.print(nothing)


def _stop_at_first(stops: list[Any]) -> None:
    """Show every refusal, then end with the code of the first."""
    for stop in stops[1:]:
        click.echo(str(stop), err=True)
    if stops:
        raise stops[0]


def _written(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:,.4f}".rstrip("0").rstrip(".")
    return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)


def _texts(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{name.replace("_", " "): _written(cell) for name, cell in row.items()} for row in rows]


def _table(title: str, rows: list[dict[str, str]]) -> None:
    if not rows:
        OUT.print(f"{title}: none yet.")
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold", no_wrap=name in ("extract", "quarter", "known on", "loaded"))
    for row in rows:
        table.add_row(*row.values())
    OUT.print(table)


if __name__ == "__main__":
    sys.exit(main())
