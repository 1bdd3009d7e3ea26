"""Pages for people: signing in and out, and the inbox with its first content."""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import UTC, datetime

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from inbox import events, shapes
from inbox.domain.agent import Agent, can
from inbox.domain.conversation import ConversationStatus
from inbox.domain.errors import AssentError, Invalid, NotFound
from inbox.ids import new_token
from inbox.web import context as contexts
from inbox.web.api import people, views
from inbox.web.api.workspace import visible_channels
from inbox.web.context import Context
from inbox.web.signin import (
    Forged,
    NotSignedIn,
    client_address,
    find_caller,
    has_our_origin,
    set_cookie,
    signed_in,
)
from inbox.web.templates import render

FIRST_PAGE = 30
_PAGE = re.compile(
    r"/(app(/c/[0-9A-Za-z_]+)?|contacts(/[0-9A-Za-z_]+)?"
    r"|settings(/channels(/[0-9A-Za-z_]+(/set-up)?)?)?)",
    re.ASCII,
)
_WRONG = "This address and password do not go together."


def local_path(target: str) -> str:
    """Where to go after signing in: a page of the inbox, else the inbox itself."""
    return target if _PAGE.fullmatch(target) else "/app"


async def home(request: Request) -> Response:
    return RedirectResponse("/app", status_code=303)


async def login_form(request: Request) -> Response:
    """`GET /login`"""
    if await find_caller(request) is not None:
        return RedirectResponse("/app", status_code=303)
    return await _login_page(request, request.query_params.get("next", ""), None)


async def _login_page(
    request: Request, target: str, error: str | None, status_code: int = 200, email: str = ""
) -> Response:
    context = contexts.of(request)
    # Before there is a login session the form proves itself by a cookie of its own.
    token = request.cookies.get("login-csrf") or new_token()
    page = render(
        request,
        "login.html",
        {
            "csrf_token": token,
            "error": error,
            "email": email,
            "next": local_path(target),
            "people": [] if context.demo is None else list(context.demo.people),
            "workspace_name": "Assent",
        },
        status_code=status_code,
    )
    page.set_cookie(
        "login-csrf",
        token,
        path="/login",
        httponly=True,
        samesite="strict",
        secure=context.settings.secure,
    )
    return page


async def _small_form(request: Request) -> FormData:
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > 4096:
        raise Invalid("The form is larger than a log-in.", code="too_large")
    return await request.form(max_files=0, max_fields=8)


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


async def login(request: Request) -> Response:
    """`POST /login`"""
    context = contexts.of(request)
    form = await _small_form(request)
    cookie = request.cookies.get("login-csrf", "")
    given = _field(form, "csrf_token")
    same = bool(cookie) and hmac.compare_digest(cookie.encode(), given.encode())
    if not same or not has_our_origin(request):
        raise Forged("The form is too old. Reload the page and try again.")
    email, target = _field(form, "email").strip(), _field(form, "next")
    wait_s = context.throttle.wait_s(email, client_address(request))
    if wait_s:
        page = await _login_page(
            request, target, "Too many tries. Wait a little and try again.", 429
        )
        page.headers["retry-after"] = str(wait_s)
        return page
    failed = True
    try:
        agent = await _who(context, form, email)
        failed = agent is None
    except AssentError:
        failed = False  # the database's failure
        raise
    finally:
        context.throttle.over(email, failed=failed)
    if agent is None:
        return await _login_page(request, target, _WRONG, 401, email)
    token = new_token()
    now = datetime.now(UTC)
    await context.stores.accounts.open_session(agent, token, new_token(), now)
    answer = RedirectResponse(local_path(target), status_code=303)
    set_cookie(request, answer, token)
    answer.delete_cookie("login-csrf", path="/login")
    return answer


async def _who(context: Context, form: FormData, email: str) -> Agent | None:
    """The agent who proved to be one. In a demo, which serves loopback only, the three people
    are a click away."""
    found = await context.stores.accounts.find_agent_by_email(email)
    if context.demo is not None and _field(form, "demo"):
        known = any(person["email"] == email for person in context.demo.people)
        return found[0] if known and found is not None else None
    password_hash = None if found is None or found[0].disabled else found[1]
    if not await context.passwords.verify(password_hash, _field(form, "password")):
        return None
    if found is None:
        return None
    agent, stored = found
    if context.passwords.is_outdated(stored):
        renewed = await context.passwords.hash(_field(form, "password"))
        await context.stores.accounts.set_password_hash(agent.id, renewed)
    return agent


async def logout(request: Request) -> Response:
    """`POST /logout`: by the page's script, or by its form with the token as a field."""
    context = contexts.of(request)
    caller = await find_caller(request)
    if caller is not None:
        given = request.headers.get("x-csrf-token", "")
        if not given:
            given = _field(await _small_form(request), "csrf_token")
        if not secrets.compare_digest(given.encode(), caller.csrf_token.encode()):
            raise Forged("The request did not come from this page. Reload it and try again.")
        await context.stores.accounts.close_session(caller.login)
        context.sockets.end_login(caller.login)
        await context.hub.publish(
            [events.login_ended(caller.agent)]
        )  # other servers have some, too
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie("__Host-session" if context.settings.secure else "session", path="/")
    return answer


async def app(request: Request) -> Response:
    """`GET /app` and `GET /app/c/{id}`: the inbox, with what it shows first already in it."""
    context = contexts.of(request)
    caller = await signed_in(request)
    if not caller.csrf_token:
        raise NotSignedIn("The page is for browsers.")
    agent = caller.agent
    # The cursor comes first: what happens while the page is made is then sent, not missed.
    cursor = await context.hub.recently(agent.workspace_id)
    found = await views.list_page(
        context,
        agent,
        views.ListFilter(status=ConversationStatus.OPEN),
        limit=FIRST_PAGE + 1,
    )
    listed = found[:FIRST_PAGE]
    more = len(found) > FIRST_PAGE
    conversations = {
        "data": await views.shaped(context, agent, listed),
        "next_cursor": views.list_cursor(listed[-1]) if more else None,
        "has_more": more,
    }
    conversation = thread = gate = None
    conversation_id = request.path_params.get("id")
    if conversation_id is not None:
        opened = await views.get_conversation(context, agent, conversation_id)
        conversation = (await views.shaped(context, agent, [opened]))[0]
        thread = await views.thread_page(context, opened)
        gate = await views.gate(context, agent, opened)
    workspace = await context.stores.accounts.find_workspace(agent.workspace_id)
    if workspace is None:
        raise NotFound("The workspace does not exist any more.")
    return render(
        request,
        "inbox/app.html",
        {
            "agent": shapes.agent(agent),
            "is_admin": can(agent, "connect"),
            "workspace": {"id": workspace.id, "name": workspace.name},
            "csrf_token": caller.csrf_token,
            "conversations": conversations,
            "conversation": conversation,
            "thread": thread,
            "gate": gate,
            "channels": await visible_channels(context, agent),
            "simulator_url": None if context.demo is None else context.demo.simulator_url,
            "cursor": cursor,
        },
    )


async def contacts(request: Request) -> Response:
    """`GET /contacts` and `GET /contacts/{id}`: the page fetches what it shows."""
    context = contexts.of(request)
    caller = await signed_in(request)
    if not caller.csrf_token:
        raise NotSignedIn("The page is for browsers.")
    if "id" in request.path_params:
        await people.get_contact(context, caller.agent, request.path_params["id"])
    workspace = await context.stores.accounts.find_workspace(caller.agent.workspace_id)
    if workspace is None:
        raise NotFound("The workspace does not exist any more.")
    shown = {
        "workspace": {"name": workspace.name},
        "agent": shapes.agent(caller.agent),
        "is_admin": can(caller.agent, "connect"),
        "csrf_token": caller.csrf_token,
    }
    return render(request, "inbox/contacts.html", shown)
