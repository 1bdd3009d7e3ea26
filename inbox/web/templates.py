"""The one place that renders a template: from files, escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_ROOT = Path(__file__).resolve().parents[2]

environment = Environment(
    loader=FileSystemLoader(_ROOT / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


# Any: a template's context.
def render(
    request: Request, name: str, context: dict[str, Any], status_code: int = 200
) -> Response:
    html = environment.get_template(name).render(context)
    return HTMLResponse(html, status_code=status_code)
