"""The pages inside Airflow: what each role may read, what is never served, and that every word has its translation."""

from __future__ import annotations

import csv
import dataclasses
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.auth.middlewares.refresh_token import JWTRefreshMiddleware
from airflow.models.revoked_token import RevokedToken
from fastapi import FastAPI
from httpx import Response
from publish_build import HOSTILE, TRAINING, checked, decided, finished_build, prepared, released, settings_at
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from starlette.testclient import TestClient

from pipeline import store
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from portal import page as portal
from portal import shelf
from publish import candidate, keys, release, viewings, wording
from publish.dictionary import THEMES
from publish.tables import number_text
from publish.verify import verify

QUARTERS = [FiscalQuarter(2023, 3), FiscalQuarter(2023, 4)]
NEXT = FiscalQuarter(2024, 1)
# The last two cannot be told apart from each other: one has too few who did not complete, and takes the other with it.
COMPANIES = {"E001": (900, 1000), "E002": (400, 500), "E003": (250, 300), "E004": (98, 100), "E005": (150, 180)}
SECRET = "a secret that only this test knows and that is long enough for the signature of a token"
ROLES = {"reader": "viewer", "preparer": "user", "approver": "user", "admin": "admin"}
HTML = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two released quarters, the first one corrected, and a candidate that waits. Nobody changes it."""
    settings = settings_at(tmp_path_factory.mktemp("portal"))
    for quarter in QUARTERS:
        released(settings, quarter=quarter, title=HOSTILE, history=9, companies=COMPANIES)
    released(settings, "b2", QUARTERS[0], shift=2, history=9, companies=COMPANIES)
    prepared(settings, quarter=NEXT, shift=1, history=9, companies=COMPANIES)
    warning = {"check": "ExpectNoSurprise", "subject": "wrk_heads", "loudness": "warn", "status": "failed",
               "found": "twice as many", "expected": "about as many", "rule": "", "next": ""}  # fmt: skip
    checked(settings, NEXT, checks=[warning], checks_expected=1, checks_evaluated=1)
    return settings


@pytest.fixture(scope="module")
def site(kept: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "events.authority.TwoPersonAuthority")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", SECRET)
        patch.setattr(airflow_app._AuthManagerState, "instance", None)
        # Of Airflow's database only the list of tokens that were called back is needed to read one.
        engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('tokens') / 'airflow.db'}")
        RevokedToken.metadata.tables["revoked_token"].create(engine)
        patch.setattr("airflow.settings.Session", sessionmaker(engine))
        airflow_app.create_auth_manager()
        root = FastAPI()
        root.mount(portal.PREFIX, portal.app)
        root.add_middleware(JWTRefreshMiddleware)
        patch.setenv("HRDD_DATA", str(kept.data))
        # How long a reader waits for the proof is one test's matter; the others wait for what they ask.
        patch.setattr(shelf, "PATIENCE", 60)
        yield Site(TestClient(root, follow_redirects=False), patch)


class Site:
    """The pages behind the part of Airflow that reads a token, with a real token for each user."""

    def __init__(self, client: TestClient, patch: pytest.MonkeyPatch) -> None:
        self.client, self.patch = client, patch

    def token(self, user: str) -> str:
        manager = airflow_app.get_auth_manager()
        return manager.generate_jwt(SimpleAuthManagerUser(username=user, role=ROLES[user]))

    def get(self, path: str, user: str | None = "reader", data: Path | None = None, **headers: str) -> Response:
        if data:
            self.patch.setenv("HRDD_DATA", str(data))
        cookie = {"Cookie": f"_token={self.token(user)}"} if user else {}
        return self.client.get(portal.PREFIX + path, headers=HTML | cookie | headers)

    def text(self, path: str, user: str = "reader", data: Path | None = None) -> str:
        answer = self.get(path, user, data)
        assert answer.status_code == 200, answer.text[-2000:]
        return answer.text


@pytest.fixture
def copied(kept: Settings, tmp_path: Path, site: Site) -> Iterator[Path]:
    """A copy of the store that a test may spoil."""
    data = tmp_path / "data"
    shutil.copytree(kept.data, data)
    yield data
    site.patch.setenv("HRDD_DATA", str(kept.data))


def waiting(settings: Settings) -> str:
    return f"/candidates/{NEXT}/{candidate.current(settings, NEXT)[1]['candidate_digest']}/"


def addresses(settings: Settings) -> list[str]:
    return [
        "/",
        "/FY2023-Q3/r1/",
        "/FY2023-Q3/r2/",
        "/FY2023-Q3/r2/figures/trn_rate",
        "/FY2023-Q4/r1/figures/grv_cases",
        f"/FY2023-Q4/r1/figures/{TRAINING}",
        "/FY2023-Q4/r1/themes/training",
    ]


def words_of(text: str) -> str:
    """What a page says, without its style and its marks."""
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_without_a_sign_in_nothing_is_told(site: Site, kept: Settings) -> None:
    files = ["/FY2023-Q4/r1/manifest.json", "/FY2023-Q4/r1/tables/headline.csv", "/FY2020-Q1/r1/", "/x/../y"]
    for path in [*addresses(kept), waiting(kept), *files]:
        answer = site.get(path, None)
        assert answer.status_code == 401
        assert "Please sign in." in words_of(answer.text)
        assert "sign in again" not in answer.text
        assert "/auth/login?next=" in answer.text
        assert "Figure" not in answer.text
    assert site.get("/", None, Accept="*/*").json() == {"detail": "Please sign in."}


def test_a_forged_an_expired_and_a_strangers_sign_in_are_refused_in_words(site: Site) -> None:
    claims = jwt.decode(site.token("reader"), options={"verify_signature": False})
    header = jwt.get_unverified_header(site.token("reader"))
    old = claims | {"exp": datetime.now(UTC) - timedelta(hours=1)}
    forged = jwt.encode(
        claims, "another secret that is long enough for the signature of a token, and is wrong", "HS512"
    )
    unsigned = jwt.encode(claims, None, "none")
    expired = jwt.encode(old, SECRET, header["alg"], headers={"kid": header.get("kid", "")})
    for token, status in ((forged, 403), (unsigned, 403), (expired, 401), ("rubbish", 403)):
        answer = site.get("/FY2023-Q4/r1/", None, Cookie=f"_token={token}")
        assert (answer.status_code, "Please sign in." in answer.text) == (status, True)
    assert site.get("/FY2023-Q4/r1/", None, Cookie=f"_token={site.token('reader')}").status_code == 200


def test_every_page_is_read_in_both_languages_and_asks_nobody(site: Site, kept: Settings) -> None:
    of_candidate = [waiting(kept) + path for path in ("", "figures/trn_rate", "themes/training")]
    for path in [*addresses(kept), *of_candidate, "/FY2023-Q4/r9/"]:
        for language in wording.LANGUAGES:
            answer = site.get(f"{path}?lang={language}", "approver")
            assert f'<html lang="{language}">' in answer.text
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "private, no-store"
            assert not re.search(r"<(script|link|img|iframe|form|object|base)\b|\son\w+=|\sstyle=|url\(", answer.text)
            references = set(re.findall(r'(?:href|src)="([^"]*)"', answer.text))
            assert {ref for ref in references if re.match(r"[a-z]+:|//", ref)} == set()
            assert HOSTILE not in answer.text
            assert re.search(r"\{\w*\}", words_of(answer.text)) is None


def test_the_language_of_the_browser_is_taken_unless_another_is_asked_for(site: Site) -> None:
    japanese = {"Accept-Language": "fr, ja;q=0.9, en;q=0.8"}
    assert '<html lang="ja">' in site.get("/", **japanese).text
    assert '<html lang="en">' in site.get("/?lang=en", **japanese).text
    assert '<html lang="en">' in site.get("/?lang=xx", **{"Accept-Language": "fr"}).text


def test_every_link_of_a_page_leads_to_a_page(site: Site, kept: Settings) -> None:
    seen: set[str] = set()
    for start in [*addresses(kept), waiting(kept)]:
        address = portal.PREFIX + start
        for link in sorted(set(re.findall(r'href="([^"]*)"', site.text(start + "?lang=ja", "approver")))):
            target = str(site.client.build_request("GET", address).url.join(link).path)
            if target not in {"/", portal.DECIDE, *seen}:
                seen.add(target)
                assert target.startswith(portal.PREFIX)
                assert site.get(target.removeprefix(portal.PREFIX), "approver").status_code in (200, 302), (start, link)


def test_the_first_page_leads_to_each_quarters_release_in_force(site: Site) -> None:
    text = site.text("/")
    assert "FY2023-Q4" in text
    for quarter, revision in ((3, 2), (4, 1)):
        assert f'href="/releases/FY2023-Q{quarter}/r{revision}/"' in text
    answer = site.get("/FY2023-Q3/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/releases/FY2023-Q3/r2/")


def test_a_quarter_without_a_release_leads_to_its_figures_and_the_page_says_how_far_they_go_back(site: Site) -> None:
    text = site.text("/")
    cells = re.search(r'<table class="years">.*?</table>', text, re.DOTALL)
    assert cells is not None
    assert re.findall(r'aria-label="(FY\S+): figures"', cells[0]) == ["FY2023-Q1", "FY2023-Q2"]
    assert 'id="figures"' in text
    assert "Figures go back to FY2021-Q4: each stands quarter by quarter on its own page in FY2023-Q4/r1." in text


def test_the_sentence_about_the_targets_counts_what_the_list_below_it_shows(site: Site, kept: Settings) -> None:
    rows = shelf.shelf(kept).newest()[QUARTERS[1]].board().tables["headline"].rows
    told = [row["target_status"] for row in rows if row["target_status"] != "NO_TARGET"]
    for path in ("/", "/FY2023-Q4/r1/"):
        text = site.text(path)
        lead = re.search(r'<p class="lead">(.*?)</p>', text, re.DOTALL)
        strip = re.search(r'<ul class="goals".*?</ul>', text, re.DOTALL)
        assert lead is not None
        assert strip is not None
        assert sum(int(n) for n in re.findall(r"(\d+) (?:met|missed|not)", lead[1])) == len(told)
        assert strip[0].count("<li>") == len(told)


def test_what_can_be_downloaded_twice_says_its_language(site: Site) -> None:
    for language in wording.LANGUAGES:
        files = re.search(r'<ul class="files">.*?</ul>', site.text(f"/FY2023-Q4/r1/?lang={language}"), re.DOTALL)
        assert files is not None
        titles = [words_of(title) for title in re.findall(r"<a [^>]*>(.*?)</a>", files[0])]
        assert len(titles) == len(set(titles)) == 7
        assert sum("English" in title for title in titles) == sum("日本語" in title for title in titles) == 2
        assert not re.search(r"</code>\s*</span>", files[0])


def test_a_corrected_release_says_so_and_names_the_one_in_force(site: Site) -> None:
    assert "The figures in force are those of FY2023-Q3/r2." in site.text("/FY2023-Q3/r1/")
    assert "The figures in force are those of FY2023-Q3/r2." in site.text("/FY2023-Q3/r1/figures/trn_rate")
    assert "The figures in force" not in site.text("/FY2023-Q3/r2/")


def test_a_figure_stands_with_all_that_is_said_about_it(site: Site, kept: Settings) -> None:
    text = site.text("/FY2023-Q3/r2/figures/trn_rate")
    said = words_of(text)
    assert "What trn_rate counts" in said
    assert "Not to be used for" in said
    assert "others counted too" in said
    quarters = re.search(r'aria-label="Figure trn_rate: ([^"]*)\. Target', text)
    assert quarters is not None
    assert len(re.findall(r"FY20\d\d-Q\d", quarters[1])) == 8
    # What each release said of the third quarter: r1, then the correction, and the fourth quarter's trend between.
    told = re.search(r"What releases said.*", said)
    assert told is not None
    assert re.findall(r"(FY2023-Q\d/r\d) (\S+ %) (first printed|unchanged|[+-]\S+)", told[0]) == [
        ("FY2023-Q3/r1", "86.0 %", "first printed"),
        ("FY2023-Q3/r2", "88.0 %", "+2"),
        ("FY2023-Q4/r1", "83.0 %", "-5"),
    ]
    assert "3 cells of this figure are withheld" in words_of(site.text("/FY2023-Q4/r1/figures/sup_third_party_audits"))


def test_a_figure_stands_by_company_over_eight_quarters_with_what_is_withheld(site: Site, kept: Settings) -> None:
    text = site.text(f"/FY2023-Q4/r1/figures/{TRAINING}")
    [table] = re.findall(r"<table>\s*<caption>By company, quarter by quarter: .*?</table>", text, re.DOTALL)
    heads, *lines = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    quarters = re.findall(r"FY20\d\d-Q\d", heads)
    assert quarters == [str(QUARTERS[1].plus(-back)) for back in range(8)]
    assert "Oct to Dec 2021" in heads
    shown = {
        name: re.findall(r"<td[^>]*>(.*?)</td>", line) for line in lines for name in re.findall(r'row">([^<]*)', line)
    }
    assert list(shown) == ["SAMPLE Parent", "SAMPLE E002", "SAMPLE E003", "SAMPLE E004", "SAMPLE E005"]
    last_year = quarters.index("FY2022-Q3")
    assert words_of(shown["SAMPLE Parent"][last_year]).strip() == "87.5 %"
    assert words_of(shown["SAMPLE Parent"][0]).strip() == "90.0 %"
    # What is withheld of it, in any quarter, is counted and said on the same page.
    assert f"{len(re.findall('>withheld</td>', table))} cells of this figure are withheld" in words_of(text)
    # Two of a hundred who did not complete are too few: that cell goes, and the next smallest with it.
    assert [cells[0] for cells in shown.values()].count("withheld") == 2
    assert shown["SAMPLE E004"][0] == shown["SAMPLE E005"][0] == "withheld"
    assert "98.0" not in words_of(table)
    rows = shelf.shelf(kept).newest()[QUARTERS[1]].board().by_company(TRAINING)
    value = {row["dimension_value"]: row["value"] for row in rows if row["fiscal_quarter"] == "FY2022-Q3"}
    assert f'value="{number_text(value["E002"])}"' in shown["SAMPLE E002"][last_year]


def test_a_theme_lists_every_metric_that_has_a_definition(site: Site, kept: Settings) -> None:
    board = shelf.shelf(kept).newest()[QUARTERS[1]].board()
    told: set[str] = set()
    for theme in THEMES:
        text = site.text(f"/FY2023-Q4/r1/themes/{theme}")
        found = set(re.findall(r'data-figure="(\w+)"', text))
        assert found == {name for name, metric in board.metrics.items() if metric["theme"] == theme}
        for name in found:
            assert f"What {name} counts" in text or name == TRAINING
        told |= found
    assert told == set(board.metrics)
    assert TRAINING not in {row["metric_id"] for row in board.tables["headline"].rows}
    assert TRAINING in told
    assert site.get("/FY2023-Q4/r1/themes/none").status_code == 404
    text = words_of(site.text(f"/FY2023-Q4/r1/figures/{TRAINING}"))
    assert "Training completion" in text
    assert "FY2023-Q4/r1 86.4 % first printed" in text


def test_a_metric_that_a_release_does_not_give_has_a_page_that_says_why(site: Site, copied: Path) -> None:
    """Of the hotline's other totals, one is a part of the cube and one is given once a year."""
    settings = settings_at(copied)
    for metric, why in (("grv_anonymous_share", "part of another one"), ("grv_supplier_reports", "once a year")):
        board = shelf.shelf(settings).newest()[QUARTERS[1]].board()
        known = board.metrics["grv_cases"]
        told = dataclasses.replace(board, tables=board.tables | {
            "dim_metric": dataclasses.replace(board.tables["dim_metric"], rows=[known | {"metric_id": metric}])
        })  # fmt: skip
        row = told.figure(metric)
        assert (row["value"], row["value_state"], row["display_value"]) == (None, "NOT_GIVEN", "not given")
        assert why in wording.words_in("en")(f"figure.not_given_{told.why_not_given(metric)}")


def test_what_a_figure_leaves_out_is_counted_where_it_speaks_of_nobody(site: Site) -> None:
    said = words_of(site.text("/FY2023-Q4/r1/figures/trn_rate"))
    assert "40 are left out for this reason: on leave ." in said
    assert re.search(r"How many are left out is not printed, [^:]*: away \.", said)


def test_a_page_of_the_portal_holds_the_numbers_of_the_tables(site: Site, kept: Settings) -> None:
    board = shelf.shelf(kept).newest()[QUARTERS[1]].board()
    text = site.text("/FY2023-Q4/r1/")
    for row in board.tables["headline"].rows:
        assert f'data-is="value" value="{number_text(row["value"])}"' in text
    audits = site.text("/FY2023-Q4/r1/figures/sup_third_party_audits")
    for row in board.theme_rows("supply_chain", "sup_third_party_audits"):
        if row["value"] is not None:
            assert f'data-is="value" value="{number_text(row["value"])}"' in audits


def test_every_file_comes_with_the_bytes_that_were_released(site: Site, kept: Settings) -> None:
    folder = kept.place("releases", "FY2023-Q4", "r1")
    sums = store.checksums(folder)
    assert len(sums) > 30
    for path, digest in sums.items():
        answer = site.get(f"/FY2023-Q4/r1/{path}")
        assert answer.status_code == 200
        assert store.sha256_bytes(answer.content) == digest
        assert answer.headers["x-content-type-options"] == "nosniff"
    plain = site.get("/FY2023-Q4/r1/tables/headline.csv").content
    assert site.get("/FY2023-Q4/r1/tables/headline.csv?bom=1").content == b"\xef\xbb\xbf" + plain
    assert site.get("/FY2023-Q4/r1/manifest.json?bom=1").content == (folder / "manifest.json").read_bytes()


OUTSIDE = [
    "/FY2023-Q4/r1/..%2f..%2f..%2fcandidates%2fFY2024-Q1%2fcurrent.json",
    "/FY2023-Q4/r1/%2e%2e/r1/manifest.json",
    "/FY2023-Q4/r1//etc/passwd",
    "/FY2023-Q4/r1/tables",
    "/FY2023-Q4/r1/nothing.csv",
    "/FY2023-Q4/r1/figures/nothing",
    "/FY2023-Q4/r01/",
    "/FY2023-Q9/r1/",
    "/..%2f/r1/",
    "/latest.json",
    "/ledger.jsonl",
    "/candidates/FY2023-Q4/%2e%2e/",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_address_leads_out_of_what_is_listed(site: Site, path: str) -> None:
    answer = site.get(path, "approver")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def linked(file: Path) -> None:
    copy = file.with_name("elsewhere")
    file.rename(copy)
    file.symlink_to(copy)


def moved_in(file: Path) -> None:
    quarter = file.parents[2]
    shutil.rmtree(quarter / "r1")
    shutil.copytree(quarter.parent / "FY2023-Q3" / "r1", quarter / "r1")


SPOILED = {
    "a removed file": Path.unlink,
    "a changed byte": flipped,
    "a link": linked,
    "half a release": lambda file: (file.parents[1] / "manifest.json").unlink(),
    "an added file": lambda file: file.with_name("more.csv").write_text("x"),
    "another release's files": moved_in,
}


@pytest.mark.parametrize("how", SPOILED)
def test_nothing_is_served_of_a_release_that_does_not_prove_itself(site: Site, copied: Path, how: str) -> None:
    assert site.get("/FY2023-Q4/r1/", data=copied).status_code == 200
    SPOILED[how](copied / "releases" / "FY2023-Q4" / "r1" / "tables" / "headline.csv")
    for path in ("", "figures/trn_rate", "board_figures.xlsx", "manifest.json", "tables/headline.csv"):
        answer = site.get(f"/FY2023-Q4/r1/{path}")
        assert answer.status_code == 409
        assert "FY2023-Q4/r1 does not prove itself. Nothing of it is shown." in answer.text
        assert "Figure" not in answer.text
    first = site.text("/")
    assert "Cannot be shown" in first
    assert first.count("FY2023-Q4/r1") == 1
    assert 'href="/releases/FY2023-Q3/r2/"' in first


def test_a_file_that_changes_between_the_proof_and_the_reading_is_not_served(copied: Path) -> None:
    settings = settings_at(copied)
    pack = shelf.shelf(settings).releases[-1]
    flipped(pack.home / "dictionary.csv")
    with pytest.raises(portal.HrddError, match="does not prove itself"):
        pack.read("dictionary.csv")


def test_a_release_signed_with_an_unknown_key_is_not_shown(
    site: Site, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied / "releases" / "FY2023-Q4" / "r1"
    stranger = keys._sample("a stranger who calls himself approver")
    with monkeypatch.context() as patch:
        patch.setattr(keys, "_sample", lambda name: stranger)
        proven_again(folder, store.checksums(folder))
    for path in ("", "figures/trn_rate", "board_figures.xlsx"):
        answer = site.get(f"/FY2023-Q4/r1/{path}", data=copied)
        assert answer.status_code == 409
        assert "a key that is not known here" in answer.text
        assert "86.0" not in answer.text
    assert "Cannot be shown" in site.text("/")


def test_while_the_releases_are_verified_nothing_is_shown_and_the_page_asks_again(
    site: Site, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server does after it started: more releases than a reader can wait for, and every one verified first."""
    begun, may_go_on = threading.Event(), threading.Event()

    def slowly(*given: Any) -> Any:
        begun.set()
        assert may_go_on.wait(30)
        return verify(*given)

    monkeypatch.setattr(shelf, "verify", slowly)
    monkeypatch.setattr(shelf, "PATIENCE", 0.05)
    site.patch.setenv("HRDD_DATA", str(copied))
    portal.begin()
    assert begun.wait(30)
    for path in (
        "/",
        "/FY2023-Q4/r1/",
        "/FY2023-Q4/r1/tables/headline.csv",
        "/feed.atom",
        waiting(settings_at(copied)),
    ):
        answer = site.get(path, "approver")
        assert (answer.status_code, answer.headers["refresh"]) == (503, "1")
        assert "The releases are being verified." in answer.text
        assert "Figure" not in answer.text
        assert site.get(path, None).status_code == 401
    may_go_on.set()
    assert len(shelf.prove(settings_at(copied)).result(30).releases) == 3
    assert site.get("/FY2023-Q4/r1/").status_code == 200


def test_an_empty_store_says_so(site: Site, tmp_path: Path, kept: Settings) -> None:
    assert "Nothing is released yet." in site.text("/", data=tmp_path)
    assert site.get("/FY2023-Q4/r1/").status_code == 404
    site.patch.setenv("HRDD_DATA", str(kept.data))


@pytest.mark.parametrize("path", ["", "figures/trn_rate", "board_figures.xlsx", "tables/headline.csv", "nothing"])
def test_candidates_are_for_preparers_and_approvers_only(site: Site, kept: Settings, path: str) -> None:
    for user in ("preparer", "approver"):
        assert site.get(waiting(kept) + path, user).status_code == (404 if path == "nothing" else 200)
    refusal = site.get(waiting(kept) + path, "reader")
    assert refusal.status_code == 403
    assert "Your role does not let you read this." in refusal.text
    assert "waits for a decision" in site.text("/", "approver")
    assert "FY2024-Q1" not in site.text("/", "reader")


def test_a_candidate_shows_what_warned_what_changes_and_where_to_decide(site: Site, kept: Settings) -> None:
    text = site.text(waiting(kept), "approver")
    said = words_of(text)
    assert "Not released: a candidate for FY2024-Q1" in said
    assert "ExpectNoSurprise" in said
    assert "twice as many" in said
    assert "beside those of FY2023-Q4/r1" in said
    assert re.search(r"Figure trn_rate 86\.0 % 87\.0 % \+1\.0", said)
    # Every figure is compared: those beside the headline by themselves, and the parts on the page of their figure.
    assert re.search(r"4 parts and perimeters of 1 figures differ .*Figure sup_third_party_audits : 4", said) is None
    assert f'href="{portal.DECIDE}"' in text
    assert candidate.current(kept, NEXT)[1]["candidate_digest"] in said
    title = re.search(r"<title>(.*?)</title>", site.text(waiting(kept) + "figures/trn_rate", "approver"))
    assert title is not None
    assert title[1] == "Candidate of FY2024-Q1"


def test_p25_who_opens_a_candidate_is_taken_down_and_who_may_not_sees_nothing_and_is_not(
    site: Site, copied: Path
) -> None:
    settings = settings_at(copied)
    (copied / viewings.NAME).unlink(missing_ok=True)
    for user, path in (("reader", ""), ("approver", "nothing"), ("preparer", "tables/headline.csv")):
        site.get(waiting(settings) + path, user, data=copied)
    assert [seen["person"] for seen in viewings.viewings(settings)] == ["approver", "preparer"]
    (copied / viewings.NAME).write_text('{"number": 7}\n')
    answer = site.get(waiting(settings), "approver")
    assert answer.status_code == 409
    assert "trn_rate" not in answer.text


def test_the_feed_names_the_releases_that_prove_themselves_to_readers_only(site: Site, copied: Path) -> None:
    assert site.get("/feed.atom", user=None).status_code in (401, 403)
    whole = site.get("/feed.atom", data=copied)
    assert whole.headers["content-type"].startswith("application/atom+xml")
    assert whole.content == (copied / "releases" / "feed.atom").read_bytes()
    flipped(copied / "releases" / "FY2023-Q4" / "r1" / "manifest.json")
    assert "FY2023-Q4/r1/index.html" not in site.text("/feed.atom")


def test_a_candidate_that_is_no_longer_the_current_one_is_not_shown(site: Site, kept: Settings, copied: Path) -> None:
    before = waiting(kept)
    settings = settings_at(copied)
    candidate.prepare_build(settings, NEXT, finished_build(settings, "b9", NEXT, shift=5))
    assert site.get(before, "approver", data=copied).status_code == 404
    now = waiting(settings)
    assert site.get(now, "approver").status_code == 200
    flipped(candidate.current(settings, NEXT)[0] / "files" / "dictionary.csv")
    answer = site.get(now, "approver")
    assert answer.status_code == 409
    assert "Nothing of it is shown." in answer.text


def test_a_decided_candidate_no_longer_asks(site: Site, copied: Path) -> None:
    settings = settings_at(copied)
    decided(settings, NEXT, decision="rejected", reason="Not yet.")
    assert "rejected" in site.text("/", "approver", copied)
    assert portal.DECIDE not in site.text(waiting(settings), "approver")


def catalog(language: str) -> dict[str, str]:
    return wording.words_in(language).texts


def test_both_languages_have_the_same_texts_with_the_same_gaps_to_fill() -> None:
    english, japanese = catalog("en"), catalog("ja")
    assert list(english) == list(japanese)
    gaps = {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in english.items()}
    assert {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in japanese.items()} == gaps
    assert [key for key, text in english.items() if not text.strip() or not japanese[key].strip()] == []


def test_no_text_is_kept_that_no_page_says() -> None:
    sources = [*(PROJECT / "portal").rglob("*.*"), *(PROJECT / "publish").rglob("*.*")]
    said = "".join(file.read_text() for file in sources if file.suffix in (".html", ".py"))
    quoted = set(re.findall(r'"[\w.]+"', said.replace("'", '"')))
    by_code = (
        "months short_months lead status state meaning shown perimeter basis theme dimension code target file stop"
    )
    unsaid = [
        key
        for key in catalog("en")
        if not key.startswith(tuple(f"{name}." for name in [*by_code.split(), "candidate.stage"]))
        and not {f'"{key}"', f'"{key.rpartition(".")[0]}"'} & quoted
    ]
    assert unsaid == []


def test_every_metric_has_a_japanese_name_of_its_own_and_no_name_is_of_nothing() -> None:
    with (PROJECT / "dbt_project" / "seeds" / "metric_catalog.csv").open() as stream:
        metrics = {row["metric_id"]: row["title"] for row in csv.DictReader(stream)}
    named = yaml.safe_load((wording.HERE / "titles.ja.yml").read_text(encoding="utf-8"))
    assert set(named) == set(metrics)
    assert len(set(named.values())) == len(set(metrics.values()))
    assert [name for name in named.values() if name.isascii()] == []


def test_a_release_of_another_version_is_told_and_not_guessed(site: Site, copied: Path) -> None:
    settings = settings_at(copied)
    folder = copied / "releases" / "FY2023-Q4" / "r1"
    files = {**store.checksums(folder)}
    package = store.read_json(folder / "datapackage.json")
    del package["hrdd"]
    store.write_json(folder / "datapackage.json", package)
    files["datapackage.json"] = store.sha256_file(folder / "datapackage.json")
    proven_again(folder, files)
    assert release.verify(folder)["release"] == "FY2023-Q4/r1"
    answer = site.get("/FY2023-Q4/r1/", data=settings.data)
    assert answer.status_code == 409
    assert "files of another version" in answer.text


def proven_again(folder: Path, files: dict[str, Any]) -> None:
    """Write verdict, approval, provenance and manifest anew around changed files, so that the folder proves itself."""
    from publish.verify import candidate_files

    manifest = store.read_json(folder / "manifest.json")
    of_candidate = candidate_files({name: digest for name, digest in files.items() if name != "manifest.json"})
    digest = store.digest_of(of_candidate)
    store.write_json(folder / "verdict.json", store.read_json(folder / "verdict.json") | {"files": of_candidate})
    said = store.read_json(folder / "approval.json") | {"candidate_digest": digest}
    words = {name: value for name, value in said.items() if name != keys.SIGNATURE}
    store.write_json(folder / "approval.json", keys.signed(settings_at(folder), words, said["signed_by"]))
    for name in ("manifest.json", "provenance.json"):
        (folder / name).unlink()
    facts = {name: manifest[name] for name in ("revision", "released_at", "previous_release")}
    release.assemble(folder, manifest | {"candidate_digest": digest}, **facts)
