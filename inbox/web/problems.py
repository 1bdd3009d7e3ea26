"""Errors as answers: problem+json for the API, a page for people; nothing internal in either."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from inbox import log
from inbox.domain.errors import (
    AssentError,
    Busy,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Temporary,
)
from inbox.web.signin import Forged, NotSignedIn
from inbox.web.templates import render

_log = log.get("web")

_STATUS: list[tuple[type[AssentError], int]] = [
    (NotSignedIn, 401),
    (Forged, 403),
    (NotFound, 404),
    (Invalid, 422),
    (NotAllowed, 403),
    (Conflict, 409),
    (Busy, 503),
    (Temporary, 503),
]


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: tuple[tuple[str, str], ...] = (),
    # Any: more keys of the answer, JSON-ready.
    more: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [{"field": name, "message": text} for name, text in errors],
        "request_id": getattr(request.state, "request_id", ""),
        **(more or {}),
    }
    return JSONResponse(
        body, status_code=status, media_type="application/problem+json", headers=headers
    )


# Any: what `problem` takes.
def _answer(request: Request, status: int, code: str, detail: str, **more: Any) -> Response:
    path = request.url.path
    if path.startswith("/api/"):
        return problem(request, status, code, detail, **more)
    if status == 401 and request.method == "GET":
        return RedirectResponse(f"/login?next={path}", status_code=303)
    page = render(
        request,
        "error.html",
        {
            "status": status,
            "title": HTTPStatus(status).phrase,
            "detail": detail,
            "request_id": getattr(request.state, "request_id", ""),
        },
        status_code=status,
    )
    page.headers.update(more.get("headers") or {})
    return page


async def on_error(request: Request, error: Exception) -> Response:
    """Ours: each kind has its status."""
    if not isinstance(error, AssentError):
        raise error
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    if status == 500:
        return await on_crash(request, error)
    detail = str(error)
    more: dict[str, Any] = {}
    if status == 503:
        detail = "The inbox cannot reach its database. Nothing is lost; try again in a moment."
        more["headers"] = {"Retry-After": "2"}
    if isinstance(error, Invalid):
        more["errors"] = error.errors
    return _answer(request, status, error.code, detail, **more)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's: unknown paths, wrong methods, unreadable forms."""
    if not isinstance(error, HTTPException):
        raise error
    details = {404: "There is nothing here.", 405: "This address does not take that method."}
    detail = details.get(error.status_code, HTTPStatus(error.status_code).phrase)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    headers = dict(error.headers or {})  # such as `Allow`
    return _answer(request, error.status_code, code, detail, headers=headers)


async def on_disconnect(request: Request, error: Exception) -> Response:
    """The caller went away while sending its body: nobody hears this, and it is no defect."""
    return Response(status_code=400)


async def on_crash(request: Request, error: Exception) -> Response:
    """A defect: the traceback goes to the log, an id to the client."""
    request_id = getattr(request.state, "request_id", "")
    _log.error("a request failed", request=request_id, exc_info=error)
    detail = f"The request could not be finished. Tell your admin the number {request_id}."
    return _answer(request, 500, "internal", detail)
