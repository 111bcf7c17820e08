"""The pages as people use them: a real Chromium before a real Airflow, started once for all of them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sample_year import Q4, Built

from events.home import Home
from events.rest import Airflow
from pipeline import store
from pipeline.settings import Settings
from publish import candidate, page

CHROMIUM = shutil.which("chromium")
PARKED = 3.5  # an answer in the first moments of a parked gate is lost (events/README.md, "The race")
# Who asks for last year's third quarter means that of the year that ended, or of the one before it.
LAST_YEARS = (Q4.fiscal_year, Q4.fiscal_year - 1)
# Where to keep what was seen, for the pictures of the documentation; nowhere, if it is not said.
PICTURES = os.environ.get("HRDD_PICTURES")

pytestmark = pytest.mark.timeout(600)

SERVER = """
import sys
from pathlib import Path
from events.home import Home
from pipeline.settings import Settings
with Home(Settings.load(data=Path(sys.argv[1]))).alone() as home:
    home.start()
    home.ready()
    print("port", home.port, flush=True)
    sys.stdin.read()
"""


class Live:
    """A running Airflow, one browser, and for each user the context in which that user signed in."""

    def __init__(self, home: Home, airflow: Airflow, browser: Browser) -> None:
        self.home, self.airflow, self.browser = home, airflow, browser
        self.settings: Settings = home.settings
        self.signed_in: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"{self.home.url}/releases"

    def context(self, user: str, **options: Any) -> BrowserContext:
        """A context of a user; the first one signs in by hand, the next ones take over its cookie."""
        if user not in self.signed_in:
            with self.browser.new_context() as first:
                sheet = first.new_page()
                sheet.goto(f"{self.url}/")
                sheet.get_by_role("link", name="Sign in", exact=True).click()
                sheet.locator("input[name=username]").fill(user)
                sheet.locator("input[name=password]").fill(self.home.password(user))
                sheet.locator("button[type=submit]").click()
                sheet.get_by_text(f"Signed in as {user}").wait_for()
                assert sheet.url == f"{self.url}/"
                self.signed_in[user] = first.storage_state()
        return self.browser.new_context(storage_state=self.signed_in[user], **options)

    def ask(self) -> None:
        """Have the current candidate checked and asked about, and wait until the question can be answered."""
        run = {"logical_date": None, "partition_key": str(Q4)}
        self.airflow.call("POST", "/api/v2/dags/check_board_gate/dagRuns", run, user="preparer")
        until(self.airflow.gates)
        time.sleep(PARKED)

    def let_the_deadline_pass(self) -> None:
        """Airflow's deadlines are of real time, and the run's is in a week: here the week is over."""
        file = self.home.home / "airflow.db"
        with closing(sqlite3.connect(file, timeout=30)) as database, database:
            moved = database.execute(
                "update deadline set deadline_time = '2023-05-01 00:00:00.000000' where not missed"
            )
            assert moved.rowcount == 1

    def answer(self, sheet: Page, button: str, reason: str) -> None:
        """From the page of the candidate to Airflow's own page, and answer there, as a person does."""
        sheet.goto(self.url + "/?lang=en")
        sheet.get_by_role("link", name=f"Candidate of {Q4}").click()
        sheet.get_by_role("link", name="Decide in Airflow").click()
        # The list keeps what was answered; the gate that waits is the one that says so.
        row = sheet.get_by_role("row").filter(has_text="Approval Required")
        row.get_by_role("link", name=f"May the candidate of {Q4} be released?").click()
        sheet.locator("input[name=element_reason]").fill(reason)
        sheet.get_by_role("button", name=button, exact=True).click()


def until(what: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.3)
    raise AssertionError(f"nothing came within {seconds} s")


class Office:
    """The office's own server, which Airflow's notices reach by a webhook."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def about(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["kind"] == kind]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    found = Office()
    threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(scope="module")
def live(sample: Built, office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Airflow over the sample year as it was built, with a candidate that nobody has looked at, and notices on."""
    assert CHROMIUM, "Debian's chromium is not here: tests/services installs it"
    data = tmp_path_factory.mktemp("browser") / "data"
    shutil.copytree(sample.settings.data, data, symlinks=True)
    settings = Settings.load(data=data)
    candidate.prepare_build(settings, Q4, sample.record["build_id"])
    home = Home(settings)
    wanted = data.parent / "settings.toml"
    wanted.write_text(settings.settings_file.read_text(encoding="utf-8") + '\nnotices = "office"\n', encoding="utf-8")
    host, port = office.server.server_address[:2]
    connection = json.dumps({"conn_type": "http", "schema": "http", "host": host, "port": port})
    with (
        serving(data, HRDD_SETTINGS=str(wanted), AIRFLOW_CONN_OFFICE=connection) as home.port,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Live(home, Airflow(home), browser)
        browser.close()


@contextmanager
def serving(data: Path, **more: str) -> Iterator[int]:
    """A running Airflow over a data folder; gives its port.

    It starts from a process of its own: other tests of this one may have imported Airflow with their own home.
    """
    environment = {name: value for name, value in os.environ.items() if name != "AIRFLOW_HOME"} | more
    command = [sys.executable, "-c", SERVER, str(data)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        told = next((line for line in process.stdout if line.startswith("port ")), None)
        assert told, f"Airflow did not start: read the logs in {data}/airflow/logs"
        yield int(told.split()[1])
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.fixture(scope="module")
def decided(live: Live, sample: Built) -> Live:
    """A candidate that was rejected and another one that was approved, both in Airflow's own page, by the approver."""
    live.ask()
    folder, record = candidate.current(live.settings, Q4)
    way = f"{live.url}/candidates/{Q4}/{record['candidate_digest']}/"
    with live.context("reader") as reader:
        sheet = reader.new_page()
        answer = sheet.goto(way)
        assert answer is not None
        assert answer.status == 403
        assert "Your role does not let you read this." in sheet.inner_text("main, header")
        sheet.goto(f"{live.url}/?lang=en")
        assert "Candidate" not in sheet.inner_text("body")
    with live.context("preparer") as preparer:
        sheet = preparer.new_page()
        sheet.goto(f"{way}?lang=en")
        assert record["candidate_digest"] in sheet.inner_text("body")
        assert "86.0" not in sheet.title()
        seen(sheet, "candidate")
    live.let_the_deadline_pass()
    with live.context("approver") as approver:
        live.answer(approver.new_page(), "Reject", "The sample person says no first.")
    rejection = until(lambda: (folder / "approval.json").exists() and store.read_json(folder / "approval.json"))
    assert (rejection["decision"], rejection["approver"]) == ("rejected", "approver")
    assert rejection["reason"] == "The sample person says no first."
    assert not live.settings.place("releases", "latest.json").exists()

    candidate.prepare_build(live.settings, Q4, sample.record["build_id"], "second.preparer")
    live.ask()
    with live.context("approver") as approver:
        live.answer(approver.new_page(), "Approve", "The sample person says yes.")
    until(live.settings.place("releases", "latest.json").exists)
    return live


def seen(sheet: Page, name: str) -> None:
    """Keep a picture of what is on the screen, if pictures were asked for."""
    if PICTURES:
        sheet.screenshot(path=Path(PICTURES) / f"{name}.png")


def addresses(live: Live) -> dict[str, str]:
    release = f"{live.url}/{Q4}/r1/"
    digest = candidate.current(live.settings, Q4)[1]["candidate_digest"]
    return {
        "home": f"{live.url}/",
        "release": release,
        "figure": f"{release}figures/trn_bhr_completion_rate",
        "theme": f"{release}themes/training",
        "other": f"{release}figures/grv_supplier_reports",
        "hotline": f"{release}figures/grv_cases_by_category",
        "candidate": f"{live.url}/candidates/{Q4}/{digest}/",
        "nothing": f"{live.url}/FY1999-Q1/r1/",
    }


def test_a_rejection_releases_nothing_and_an_approval_releases_what_was_approved(decided: Live) -> None:
    release = decided.settings.place("releases", str(Q4), "r1")
    approval = store.read_json(release / "approval.json")
    assert (approval["approver"], approval["prepared_by"]) == ("approver", "second.preparer")
    with decided.context("reader", locale="en-GB", viewport={"width": 1200, "height": 1400}) as reader:
        sheet = reader.new_page()
        sheet.goto(f"{decided.url}/")
        text = sheet.inner_text("main")
        assert f"Newest release: {Q4}" in text
        assert "Approved by: approver" in text
        assert "86.0 %" in text
        seen(sheet, "releases")


def test_a_deadline_that_passes_while_a_candidate_waits_tells_the_office(decided: Live, office: Office) -> None:
    [message] = until(lambda: office.about("release_is_overdue"))
    assert message["quarter"] == str(Q4)
    assert message["link"].endswith(f"/releases/candidates/{Q4}/{message['about']}/")
    assert "86" not in message["text"].partition(message["about"][:12])[2].partition(" http")[0]
    with closing(sqlite3.connect(decided.home.home / "airflow.db", timeout=30)) as database:
        assert database.execute("select count(*) from deadline where missed").fetchone() == (1,)


def test_without_a_sign_in_and_with_a_forged_cookie_there_is_a_clear_page_and_no_figure(decided: Live) -> None:
    with decided.browser.new_context(locale="en-GB") as nobody:
        sheet = nobody.new_page()
        for way in addresses(decided).values():
            sheet.goto(way)
            assert "Please sign in." in sheet.inner_text("h1")
            assert "86.0" not in sheet.content()
        nobody.add_cookies([{"name": "_token", "value": "a.forged.cookie", "url": decided.home.url}])
        sheet.goto(addresses(decided)["release"])
        assert "Please sign in." in sheet.inner_text("h1")


def test_a_stranger_finds_last_years_training_figure_by_company_in_two_clicks_after_signing_in(decided: Live) -> None:
    """From the address alone: sign in, choose the figure on the first page, read its table by company and quarter."""
    began, clicks = time.monotonic(), 0
    with decided.browser.new_context(locale="en-GB", viewport={"width": 1200, "height": 1600}) as stranger:
        sheet = stranger.new_page()
        sheet.goto(f"{decided.url}/")
        sheet.get_by_role("link", name="Sign in", exact=True).click()
        sheet.locator("input[name=username]").fill("reader")
        sheet.locator("input[name=password]").fill(decided.home.password("reader"))
        sheet.locator("button[type=submit]").click()
        sheet.get_by_role("link", name="Business and Human Rights annual online training: completion").first.click()
        clicks += 1
        sheet.get_by_role("link", name="By company, quarter by quarter").click()
        clicks += 1
        table = sheet.get_by_role("table", name="By company, quarter by quarter: consolidated group, since 1 April")
        assert table.is_visible()
        quarters = [" ".join(text.split()) for text in table.locator("thead th").all_inner_texts()]
        columns = [quarters.index(f"FY{year}-Q3 Oct to Dec {year - 1}") for year in LAST_YEARS]
        cells = table.get_by_role("row", name="SAMPLE Japan Systems").locator("th, td").all_inner_texts()
        sheet.goto(sheet.url.partition("#")[0])
        seen(sheet, "figure")
    assert time.monotonic() - began < 60
    assert clicks == 2
    shown = [cells[column] for column in columns]
    assert shown == [quarter_of_company(decided, "E003", f"FY{year}-Q3") for year in LAST_YEARS]
    assert len(set(shown)) == 2


def quarter_of_company(live: Live, code: str, quarter: str) -> str:
    """The training figure of a company in a quarter, from the released table."""
    rows = json.loads((live.settings.place("releases", str(Q4), "r1") / "tables" / "metric_values.json").read_bytes())
    wanted = ("trn_bhr_completion_rate", "entity_code", code, quarter)
    columns = ("metric_id", "dimension", "dimension_value", "fiscal_quarter")
    [row] = [row for row in rows if tuple(row[name] for name in columns) == wanted]
    return f"{row['value']:.1f} %"


def test_every_format_is_downloaded_with_the_bytes_that_were_released(decided: Live, tmp_path: Path) -> None:
    release = decided.settings.place("releases", str(Q4), "r1")
    wanted = ["board_figures.xlsx", "board_pack.pdf", "board_pack.ja.pdf", "index.html", "index.ja.html"]
    wanted += ["dictionary.csv", "tables/training.csv", "tables/training.parquet", "tables/training.csv?bom=1"]
    with decided.context("reader", locale="en-GB") as reader:
        sheet = reader.new_page()
        sheet.goto(addresses(decided)["release"])
        sheet.locator("details:has(table.tables) summary").click()
        for name in wanted:
            with sheet.expect_download() as coming:
                sheet.locator(f"main a[href$='/{name}']").first.click()
            content = Path(coming.value.path()).read_bytes()
            expected = (release / name.partition("?")[0]).read_bytes()
            assert content == (b"\xef\xbb\xbf" + expected if "?" in name else expected), name
        sheet.goto(addresses(decided)["release"] + "approval.json")
        assert "approver" in sheet.inner_text("body")


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_keeps_anyone_out_or_asks_anybody_else(decided: Live, language: str, scheme: str) -> None:
    """axe finds no violation; no request leaves for another place; nothing is blocked, for nothing is tried."""
    size = {"width": 1200, "height": 1400}
    asked: list[str] = []
    complaints: list[str] = []
    with decided.context("approver", color_scheme=scheme, viewport=size) as context:
        sheet = context.new_page()
        sheet.on("request", lambda request: asked.append(request.url))
        sheet.on("console", lambda message: complaints.append(message.text))
        sheet.on("pageerror", lambda error: complaints.append(str(error)))
        for name, way in addresses(decided).items():
            sheet.goto(f"{way}?lang={language}")
            complaints = [text for text in complaints if "404" not in text]
            sheet.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
            found = Axe().run(sheet)
            assert found.violations_count == 0, (name, found.generate_report())
            sheet.evaluate("document.querySelectorAll('details').forEach(part => part.open = false)")
            seen(sheet, f"{name}-{language}-{scheme}")
    assert {url for url in asked if not url.startswith(decided.home.url)} == set()
    assert complaints == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_phone_shows_every_page_without_scrolling_sideways(decided: Live, language: str) -> None:
    with decided.context("approver", viewport={"width": 360, "height": 780}, device_scale_factor=2) as context:
        sheet = context.new_page()
        for name, way in addresses(decided).items():
            sheet.goto(f"{way}?lang={language}")
            assert sheet.evaluate("document.documentElement.scrollWidth") <= 360, name
            seen(sheet, f"{name}-{language}-phone")


def test_on_a_phone_the_companies_begin_with_the_newest_quarter_and_no_number_is_cut(decided: Live) -> None:
    """Wherever the reader stops, each number that is seen stands clear of the names and of the edge."""
    with decided.context("reader", locale="en-GB", viewport={"width": 360, "height": 780}) as context:
        sheet = context.new_page()
        sheet.goto(addresses(decided)["figure"])
        grid = sheet.locator(".grid")
        for stop in (0, 70, 10_000):
            grid.evaluate("(grid, stop) => grid.scrollTo({left: stop, behavior: 'instant'})", stop)
            sheet.wait_for_timeout(300)
            cut, heads = grid.evaluate("""grid => {
                const names = grid.querySelector("tbody th").getBoundingClientRect().right;
                const edge = grid.getBoundingClientRect().right;
                const box = data => data.getBoundingClientRect();
                const cut = one => [names, edge].some(line => box(one).left + 1 < line && line < box(one).right - 1);
                const seen = one => box(one).left + 1 > names && box(one).right - 1 < edge;
                return [[...grid.querySelectorAll("td data")].filter(cut).length,
                    [...grid.querySelectorAll("thead th + th")].filter(seen).map(head => head.textContent.slice(0, 9))];
            }""")
            assert cut == 0
            assert len(heads) == 2
            assert (heads[0] == str(Q4)) == (stop == 0)


def test_the_keyboard_alone_reaches_the_figures(decided: Live) -> None:
    with decided.context("reader", locale="en-GB") as context:
        sheet = context.new_page()
        sheet.goto(addresses(decided)["release"])
        sheet.keyboard.press("Tab")
        assert sheet.evaluate("document.activeElement.textContent") == "Skip to the figures"
        sheet.keyboard.press("Enter")
        for _ in range(40):
            sheet.keyboard.press("Tab")
            if "training: completion" in sheet.evaluate("document.activeElement.textContent"):
                break
        sheet.keyboard.press("Enter")
        sheet.wait_for_url("**/figures/trn_bhr_completion_rate*")


@pytest.mark.parametrize("name", page.NAMES.values())
def test_the_page_of_a_release_opens_from_its_folder(decided: Live, name: str) -> None:
    asked: list[str] = []
    file = decided.settings.place("releases", str(Q4), "r1", name)
    with decided.browser.new_context(offline=True, viewport={"width": 1200, "height": 1400}) as context:
        sheet = context.new_page()
        sheet.on("request", lambda request: asked.append(request.url))
        sheet.goto(file.as_uri())
        assert "86.0 %" in sheet.inner_text("main")
        assert Axe().run(sheet).violations_count == 0
        sheet.locator(".tongues a").click()
        other = next(other for other in page.NAMES.values() if other != name)
        sheet.wait_for_url(f"**/{other}")
    assert {url for url in asked if not url.startswith("file:")} == set()


def test_airflows_menu_shows_the_page_in_its_frame(decided: Live) -> None:
    with decided.context("reader", locale="en-GB") as context:
        sheet = context.new_page()
        sheet.goto(f"{decided.home.url}/plugin/releases")
        sheet.frame_locator("iframe").get_by_text("Newest release").first.wait_for()
