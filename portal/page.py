"""The pages inside Airflow, behind its sign-in and its roles: releases for readers, candidates for those who decide.

The address says what is shown; nothing is kept between two requests but what was proven (``shelf.py``). There is no
script and no form: every page is a document, and every link of it an address that can be passed on.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from events.standing import RELEASED, standing, standings
from pipeline.errors import HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import Settings
from portal.compare import Changes, compare
from portal.shelf import BeingVerified, Pack, Shelf, candidate, prove, proven
from publish import feed, page, viewings
from publish.board import Board, Row
from publish.dictionary import THEMES
from publish.wording import LANGUAGES, Words, words_in

NAME = "Releases"
PREFIX = "/releases"
PAGES = (Path(__file__).resolve().parent / "pages",)
DECIDE = "/required_actions"  # Airflow's own page of the gates that wait for an answer
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
AGAIN = 1  # seconds after which a page that waits for its proof asks again
HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A page carries its own style, named by its hash; it loads nothing, runs nothing and sends nothing.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{page.style_hash()}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
}
KINDS = {".parquet": "application/vnd.apache.parquet", ".csv": "text/csv; charset=utf-8"}


def may_read(user: GetUserDep) -> None:
    """Let in whoever Airflow lets in as a reader; 401 without a sign-in, 403 without a role."""
    if not get_auth_manager().is_authorized_custom_view(method="GET", resource_name=NAME, user=user):
        raise HTTPException(403, "This needs the role of a reader.")


def may_read_candidates(user: GetUserDep) -> None:
    """Let in approvers (of the settings) and preparers: those whom Airflow lets start a run."""
    if not _decides(user):
        raise HTTPException(403, "This needs a preparer or an approver.")


def _decides(user: Any) -> bool:
    if user.get_id() in Settings.load().approvers:
        return True
    return get_auth_manager().is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, user=user)


READER = [Depends(may_read)]
INSIDER = [Depends(may_read), Depends(may_read_candidates)]
app = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/", dependencies=READER)
def home(request: Request, user: GetUserDep) -> Response:
    """The newest figures, every quarter, and, for those who decide, what waits."""
    settings, asked = Settings.load(), _Asked(request)
    lying = proven(settings)
    newest = lying.newest()
    latest = newest[max(newest)] if newest else None
    given = asked.frame(settings, signed_in=user.get_name())
    if latest:
        given |= asked.context(latest)
    waiting = [now for now in standings(settings) if now.stage != RELEASED] if _decides(user) else []
    return asked.page(
        "home.html",
        given,
        latest=latest,
        years=_years(lying),
        told=sorted(_told(latest)),
        broken=lying.broken,
        waiting=waiting,
    )


@app.get("/candidates/{quarter}/{digest}/", dependencies=INSIDER)
def waiting_candidate(request: Request, user: GetUserDep, quarter: str, digest: str) -> Response:
    """A candidate: its figures, what warned, what it changes, and the way to Airflow's own page of decisions."""
    settings, asked = Settings.load(), _Asked(request)
    pack = _candidate(settings, user, quarter, digest)
    now = standing(settings, pack.quarter)
    return asked.page(
        "candidate.html",
        asked.context(pack),
        pack=pack,
        stage=now.stage if now else "unchecked",
        warnings=[
            check
            for check in pack.verdict.get("checks", ())
            if check.get("loudness") == "warn" and check.get("status") != "passed"
        ],
        changes=_changes(settings, pack, asked),
        decide=DECIDE,
    )


@app.get("/candidates/{quarter}/{digest}/figures/{metric_id}", dependencies=INSIDER)
def candidate_figure(request: Request, user: GetUserDep, quarter: str, digest: str, metric_id: str) -> Response:
    """One figure of a candidate."""
    settings, asked = Settings.load(), _Asked(request)
    pack = _candidate(settings, user, quarter, digest)
    return asked.page(
        "figure.html",
        asked.context(pack),
        pack=pack,
        row=_figure(pack.board(), metric_id),
        changes=_changes(settings, pack, asked),
        is_candidate=True,
    )


@app.get("/candidates/{quarter}/{digest}/themes/{theme}", dependencies=INSIDER)
def candidate_theme(request: Request, user: GetUserDep, quarter: str, digest: str, theme: str) -> Response:
    """Every figure of a theme of a candidate."""
    settings, asked = Settings.load(), _Asked(request)
    pack = _candidate(settings, user, quarter, digest)
    return asked.page("theme.html", asked.context(pack), pack=pack, theme=_theme(theme), is_candidate=True)


@app.get("/candidates/{quarter}/{digest}/{path:path}", dependencies=INSIDER)
def candidate_file(user: GetUserDep, quarter: str, digest: str, path: str, bom: bool = False) -> Response:
    """One file of a candidate, compared with its checksum."""
    return _file(_candidate(Settings.load(), user, quarter, digest), path, bom)


@app.get(f"/{feed.NAME}", dependencies=READER)
def newest_first() -> Response:
    """The Atom feed, of the releases that prove themselves."""
    settings = Settings.load()
    folders = [pack.home for pack in proven(settings).releases]
    content = feed.feed(settings.company, folders, is_sample=settings.is_sample)
    return Response(content, media_type="application/atom+xml", headers=HEADERS)


@app.get("/{quarter}", dependencies=READER)
@app.get("/{quarter}/", dependencies=READER)
def quarter_in_force(request: Request, quarter: str) -> Response:
    """The way to a quarter's release in force."""
    found = [pack for pack in proven(Settings.load()).releases if str(pack.quarter) == quarter]
    if not found:
        raise HTTPException(404)
    return RedirectResponse(f"{PREFIX}/{found[-1].name}/{_Asked(request).query}", 302, HEADERS)


@app.get("/{quarter}/{revision}/", dependencies=READER)
def release(request: Request, quarter: str, revision: str) -> Response:
    """A release: its headline figures against their targets, its files, its proof and its notes."""
    settings, asked = Settings.load(), _Asked(request)
    lying = proven(settings)
    pack = _release(lying, quarter, revision)
    return asked.page("release_page.html", asked.context(pack), **_around(lying, pack))


@app.get("/{quarter}/{revision}/figures/{metric_id}", dependencies=READER)
def figure(request: Request, quarter: str, revision: str, metric_id: str) -> Response:
    """One figure: over the quarters, by perimeter and dimension, with its definition and everything said about it."""
    settings, asked = Settings.load(), _Asked(request)
    lying = proven(settings)
    pack = _release(lying, quarter, revision)
    row = _figure(pack.board(), metric_id)
    others = [other for other in lying.newest().values() if metric_id in other.record["metric_versions"]]
    return asked.page(
        "figure.html",
        asked.context(pack),
        row=row,
        said=lambda row: _said(lying, row, asked),
        changes=None,
        others=sorted(others, key=lambda other: other.quarter, reverse=True),
        is_candidate=False,
        **_around(lying, pack),
    )


@app.get("/{quarter}/{revision}/themes/{theme}", dependencies=READER)
def theme(request: Request, quarter: str, revision: str, theme: str) -> Response:
    """Every figure of a theme, the headline's and all others, with its definition and its quarters."""
    settings, asked = Settings.load(), _Asked(request)
    lying = proven(settings)
    pack = _release(lying, quarter, revision)
    more = _around(lying, pack)
    return asked.page("theme.html", asked.context(pack), theme=_theme(theme), is_candidate=False, **more)


@app.get("/{quarter}/{revision}/{path:path}", dependencies=READER)
def file(quarter: str, revision: str, path: str, bom: bool = False) -> Response:
    """One file of a release, compared with its checksum; ``bom`` puts a byte order mark before a CSV file."""
    return _file(_release(proven(Settings.load()), quarter, revision), path, bom)


@app.get("/{path:path}", dependencies=READER)
def nothing(path: str) -> Response:
    """Any other address: there is nothing, and only whoever may read is told so."""
    raise HTTPException(404)


class _Asked:
    """How a page was asked for: its language, from the address or else from the browser, and links that keep it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        chosen = request.query_params.get("lang")
        self.query = f"?lang={chosen}" if chosen in LANGUAGES else ""
        preferred = [part.split(";")[0].strip()[:2] for part in request.headers.get("accept-language", "").split(",")]
        spoken = [language for language in preferred if language in LANGUAGES]
        self.words: Words = words_in(chosen if chosen in LANGUAGES else (spoken or ["en"])[0])

    def frame(self, settings: Settings, **more: Any) -> dict[str, Any]:
        """What every page of the portal needs."""
        other = f"?lang={self.words('language.other_code')}"
        return page.frame(self.words, is_sample=settings.is_sample, other_language=other) | {
            "prefix": PREFIX,
            "query": self.query,
            "company": settings.company,
            "released": lambda pack: datetime.fromisoformat(pack.record["released_at"]),
            **more,
        }

    def context(self, pack: Pack) -> dict[str, Any]:
        """What a page about a release or a candidate may say."""
        settings, board, root = Settings.load(), pack.board(), f"{PREFIX}/{pack.address}/"
        return (
            page.context(board, self.words, pack.sums, root)
            | self.frame(settings, is_sample=board.is_sample)
            | {
                "live": True,
                "figure_link": lambda row: f"{root}figures/{row['metric_id']}{self.query}",
                "theme_link": lambda theme: f"{root}themes/{theme}{self.query}",
                "notes_link": f"{root}{self.query}#notes",
            }
        )

    def page(self, template: str, given: Mapping[str, Any], status: int = 200, **more: Any) -> Response:
        """The answer."""
        return HTMLResponse(page.render_as(template, dict(given), PAGES, **more), status, HEADERS)


def _release(lying: Shelf, quarter: str, revision: str) -> Pack:
    found = lying.release(quarter, revision)
    if found is None:
        raise HTTPException(404)
    return found


def _candidate(settings: Settings, user: Any, quarter: str, digest: str) -> Pack:
    """The candidate that was asked for; whoever opens it is taken down before anything of it is shown."""
    try:
        found = candidate(settings, FiscalQuarter.parse(quarter))
    except HrddError as stop:
        # Only a quarter that is none is a wrong address; a candidate that was changed is told as it is.
        raise stop if stop.exit_code == 7 else HTTPException(404) from None
    if found is None or found.digest != digest:
        raise HTTPException(404)
    viewings.opened(settings, found.quarter, found.digest, user.get_id())
    return found


def _changes(settings: Settings, pack: Pack, asked: _Asked) -> Changes | None:
    """What a candidate changes beside its quarter's release in force, or, where there is none, the newest quarter's."""
    newest = proven(settings).newest()
    last = newest.get(pack.quarter) or newest.get(max(newest, default=pack.quarter))
    return compare(last, pack.board(), asked.words) if last else None


def _figure(board: Board, metric_id: str) -> Row:
    if metric_id not in board.metrics:
        raise HTTPException(404)
    return board.figure(metric_id)


def _theme(theme: str) -> str:
    if theme not in THEMES:
        raise HTTPException(404)
    return theme


def _file(pack: Pack, path: str, bom: bool) -> Response:
    if path not in pack.sums:
        raise HTTPException(404)
    content = pack.read(path)
    name = f"{pack.name.replace('/', '-')}-{Path(path).name}"
    kind = KINDS.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    if bom and path.endswith(".csv"):
        content = BYTE_ORDER_MARK + content
    # JSON is read in the browser; everything else goes to the reader's own program.
    shown = {} if path.endswith(".json") else {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=HEADERS | shown)


def _around(lying: Shelf, pack: Pack) -> dict[str, Any]:
    revisions = lying.revisions(pack.quarter)
    return {"pack": pack, "revisions": revisions, "in_force": revisions[-1]}


def _years(lying: Shelf) -> list[tuple[int, list[tuple[str, Pack | None]]]]:
    """Fiscal years, the newest first, each with its four quarters and the release in force of each."""
    newest = lying.newest()
    years = sorted({quarter.fiscal_year for quarter in newest}, reverse=True)
    return [
        (
            year,
            [
                (str(quarter), newest.get(quarter))
                for quarter in (FiscalQuarter(year, number) for number in (1, 2, 3, 4))
            ],
        )
        for year in years
    ]


def _told(latest: Pack | None) -> set[str]:
    """The quarters of which the newest release gives a figure."""
    trend = latest.board().tables["trend"].rows if latest else []
    return {row["fiscal_quarter"] for row in trend if row["value"] is not None}


def _said(lying: Shelf, row: Row, asked: _Asked) -> list[dict[str, Any]]:
    told, before = [], None
    for pack, said in lying.said(row):
        change = asked.words("figure.first") if before is None else asked.words("figure.same")
        if before and said["value"] != before["value"]:
            both = said["value"] is not None and before["value"] is not None
            apart = said["value"] - before["value"] if both else None
            change = f"{apart:+,.10g}" if apart is not None else asked.words.shown(said)
        link = f"{PREFIX}/{pack.name}/figures/{row['metric_id']}{asked.query}"
        told.append({**said, "release": pack.name, "link": link, "change": change})
        before = said
    return told


@app.exception_handler(BeingVerified)
def being_verified(request: Request, _: BeingVerified) -> Response:
    """The releases are not all proven yet: the page asks again by itself, and shows nothing meanwhile."""
    words = _Asked(request).words
    parts = {part: words(f"stop.verifying_{part}") for part in ("found", "expected", "next")}
    answer = _stop(request, 503, words("stop.verifying"), parts)
    answer.headers.update({"Retry-After": str(AGAIN), "Refresh": str(AGAIN)})
    return answer


@app.exception_handler(HrddError)
def stopped(request: Request, stop: HrddError) -> Response:
    """A rule stopped the page; it is told in its four parts, and nothing of the folder is."""
    return _stop(request, 409 if stop.exit_code == 7 else 500, stop.headline, stop.parts())


@app.exception_handler(StarletteHTTPException)
def refused(request: Request, fault: StarletteHTTPException) -> Response:
    """No such page, no such role, no such sign-in: told in words, to a program as JSON."""
    words = _Asked(request).words
    kind = {401: "session", 404: "missing"}.get(fault.status_code, "role")
    if fault.status_code == 403 and "JWT" in str(fault.detail):
        kind = "session"
    if kind == "session":  # nothing went wrong for whoever comes for the first time
        return _stop(request, fault.status_code, words("stop.session"), {}, signs_in=True)
    parts = {part: words(f"stop.{kind}_{part}") for part in ("found", "expected", "next")}
    return _stop(request, fault.status_code, words(f"stop.{kind}"), parts)


def _stop(
    request: Request, status: int, headline: str, parts: Mapping[str, str], *, signs_in: bool = False
) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": headline}, status, {**HEADERS})
    asked = _Asked(request)
    sign_in = get_auth_manager().get_url_login(next_url=request.url.path)
    target = sign_in if signs_in else f"{PREFIX}/{asked.query}"
    given = asked.frame(Settings.load())
    return asked.page(
        "stop.html", given, status, headline=headline, parts=dict(parts), target=target, signs_in=signs_in
    )


def begin() -> None:
    """What the server does when it starts: verify the releases before the first reader asks."""
    with suppress(HrddError):  # settings that cannot be read stop every page, and it says why
        prove(Settings.load())


APP = {"app": app, "url_prefix": PREFIX, "name": NAME}
VIEW = {"name": NAME, "href": f"{PREFIX}/", "destination": "nav", "category": "browse", "url_route": "releases"}
