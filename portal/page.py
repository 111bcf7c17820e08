"""The releases as pages: the files of the release folder, and nothing else, to whoever may sign in to Airflow."""

from __future__ import annotations

from html import escape

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from pipeline import store
from pipeline.settings import Settings

NAME = "Releases"
HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The pages of a release carry their own style and drawing; they load nothing and call nobody.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'",
}


def may_read(user: GetUserDep) -> None:
    """Let in whoever Airflow lets in as a reader; 401 without a sign-in, 403 without a role."""
    if not get_auth_manager().is_authorized_custom_view(method="GET", resource_name=NAME, user=user):
        raise HTTPException(403, "This needs the role of a reader.")


app = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)


# A route and not a mount: a dependency of an application does not guard what is mounted in it.
@app.get("/{path:path}", dependencies=[Depends(may_read)])
async def releases(request: Request, path: str) -> Response:
    """One file of one release, or, at the root, the list of the releases."""
    root = Settings.load().place("releases")
    if path in ("", "/"):
        return HTMLResponse(_contents(), headers=HEADERS)
    if any(part.startswith(".") for part in path.split("/")) or not root.is_dir():
        raise HTTPException(404)
    page = path.rstrip("/") + "/index.html" if (root / path).is_dir() else path
    answer = await StaticFiles(directory=root).get_response(page, request.scope)
    answer.headers.update(HEADERS)
    return answer


def _contents() -> str:
    settings = Settings.load()
    rows = []
    for manifest in sorted(settings.place("releases").glob("FY*/r*/manifest.json"), reverse=True):
        record = store.read_json(manifest)
        name, digest = escape(record["release"]), escape(record["manifest_digest"][:16])
        rows.append(f'<li><a href="{name}/index.html">{name}</a> <code>{digest}</code></li>')
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Releases</title>"
        "<style>body{font:16px/1.5 system-ui;margin:2rem;max-width:40rem}</style>"
        f"<h1>{escape(settings.company)}: releases</h1>"
        + (f"<ul>{''.join(rows)}</ul>" if rows else "<p>Nothing is released yet.</p>")
        + "</html>"
    )


APP = {"app": app, "url_prefix": "/releases", "name": NAME}
VIEW = {"name": NAME, "href": "/releases/", "destination": "nav", "category": "browse", "url_route": "releases"}
