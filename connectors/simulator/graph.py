"""How Graph's addresses are shared and its bodies read: all Meta kinds have one host here, so a
call belongs to the kind whose account or token it names.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import Scope

from connectors.simulator.calls import Door
from connectors.simulator.meta import Json

_PART_LIMIT = 26 * 1024 * 1024


class Refused(Exception):
    """Graph will not do it; the message says why."""

    def __init__(self, code: int, text: str, subcode: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.subcode = subcode


class GraphRoute(Route):
    """An address that several kinds have: a request is this one's when `claims` says so."""

    def __init__(
        self, path: str, door: Door, methods: list[str], claims: Callable[[Request], bool]
    ) -> None:
        super().__init__(path, door, methods=methods)
        self._claims = claims

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is not Match.NONE and not self._claims(Request({**scope, **child})):
            return Match.NONE, {}
        return match, child


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    content: bytes
    mime: str


async def read_body(request: Request) -> tuple[Json, File | None]:
    """The fields, of JSON or of a form whose values are JSON where they look like it, and the
    `filedata`. raises Refused"""
    type_ = request.headers.get("content-type", "")
    if not type_.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
        return _document(await request.body()), None
    fields: Json = {}
    file = None
    async with request.form(max_files=1, max_part_size=_PART_LIMIT) as form:
        for name, value in form.items():
            if isinstance(value, UploadFile):
                mime = value.content_type or "application/octet-stream"
                file = File(content=await value.read(), mime=mime)
            else:
                fields[name] = _value(value)
    return fields, file


def _document(raw: bytes) -> Json:
    try:
        document = json.loads(raw or b"{}")
    except ValueError as error:
        raise Refused(100, "The body is not JSON") from error
    if not isinstance(document, dict):
        raise Refused(100, "The body is not a JSON object")
    return document


def _value(text: str) -> object:
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise Refused(100, "A field of the form is not JSON") from error


class Granted(Protocol):
    """An account whose access token can be asked about.

    token_expires_at   seconds since 1970; 0: never
    token_permissions  what it may do; None: all that the kind needs
    """

    @property
    def access_token(self) -> str: ...
    @property
    def app_secret(self) -> str: ...
    @property
    def token_expires_at(self) -> int: ...
    @property
    def token_permissions(self) -> tuple[str, ...] | None: ...


def debug_token(account: Granted, all_permissions: tuple[str, ...]) -> Json:
    """What Graph tells of the account's token."""
    known = account.token_permissions
    scopes = all_permissions if known is None else known
    return {
        "data": {
            "is_valid": True,
            "expires_at": account.token_expires_at,
            "scopes": list(scopes),
            "type": "SYSTEM_USER",
        }
    }


def is_proved(request: Request, account: Granted) -> bool:
    """Whether a proof that is given was made with the app's secret and this token."""
    given = request.query_params.get("appsecret_proof")
    if given is None:
        return True
    made = hmac.new(account.app_secret.encode(), account.access_token.encode(), sha256)
    return hmac.compare_digest(made.hexdigest(), given)


def part(document: Mapping[str, object] | object, name: str) -> Json:
    """An object inside another, empty where there is none."""
    found = document.get(name) if isinstance(document, Mapping) else None
    return found if isinstance(found, dict) else {}


def template_text(payload: Json) -> str:
    """A template as a phone's list of chats would word it."""
    elements = payload.get("elements")
    titles = [part({"one": e}, "one").get("title") for e in elements or () if elements]
    said = payload.get("text") or next((title for title in titles if title), None)
    return str(said or f"[{payload.get('template_type', 'template')}]")
