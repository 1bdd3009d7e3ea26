"""Signing in at a provider's own page (OAuth 2.0 with PKCE), there and back.

What travels with the browser is a random `state`; the verifier stays here, sealed. It works once,
for ten minutes, and only for the login session that began it.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from inbox import log
from inbox.channels import missing
from inbox.domain.abilities import SignsIn
from inbox.domain.channel import Channel
from inbox.domain.errors import AssentError, Conflict, Invalid, NotFound, Permanent, Temporary
from inbox.ids import new_token
from inbox.store.sign_ins import SignIn
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api.channels import service
from inbox.web.context import Context
from inbox.web.signin import admin_at_page
from inbox.web.templates import render

CALLBACK = "/settings/channels/callback"
_LONGEST = 4096
_log = log.get("channels")


def _connector(context: Context, channel: Channel) -> SignsIn:
    connector = context.connectors[channel.kind]
    if not isinstance(connector, SignsIn):
        raise NotFound("There is nothing here.")
    return connector


def _given(channel: Channel) -> dict[str, str]:
    """Its credentials that were entered by hand or came from an earlier sign-in."""
    return {**channel.config, **{name: one.reveal() for name, one in channel.secrets.items()}}


async def begin(request: Request) -> Response:
    """`GET /settings/channels/{id}/sign-in`: on to the provider's page."""
    context = contexts.of(request)
    caller = await admin_at_page(request)
    channel = await service(context).get(caller.agent.workspace_id, request.path_params["id"])
    connector = _connector(context, channel)
    manifest = context.connectors[channel.kind].manifest
    if any(need.is_entered for need in missing(channel, manifest)):
        return RedirectResponse(f"/settings/channels/{channel.id}/set-up", status_code=303)
    state, verifier = new_token(), new_token()
    sign_in = SignIn(
        workspace_id=channel.workspace_id,
        channel_id=channel.id,
        login=caller.login,
        code_verifier=verifier,
    )
    await context.stores.sign_ins.begin(state, sign_in, datetime.now(UTC))
    digest = sha256(verifier.encode()).digest()
    address = connector.sign_in_url(
        _given(channel),
        redirect_uri=context.settings.public_url + CALLBACK,
        state=state,
        code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        hint="" if channel.state == "draft" else channel.account,
    )
    return RedirectResponse(address, status_code=303)


async def callback(request: Request) -> Response:
    """`GET /settings/channels/callback`: the provider sent the browser back."""
    context = contexts.of(request)
    caller = await admin_at_page(request)
    state = bodies.single(request, "state") or ""
    found = None
    if len(state) <= _LONGEST:
        now = datetime.now(UTC)
        found = await context.stores.sign_ins.take(state, caller.login, now)
    if found is None or found.workspace_id != caller.agent.workspace_id:
        reason = (
            "This sign-in took longer than ten minutes, was used already, or was begun in another"
            " browser. Nothing was changed. Begin again."
        )
        return _failed(request, "The sign-in is over", reason, "/settings/channels")
    channel = await service(context).get(found.workspace_id, found.channel_id)
    again = f"/settings/channels/{channel.id}"
    refused = _refusal(request, context.connectors[channel.kind].manifest.provider)
    if refused is not None:
        return _failed(request, "Not signed in", refused, again)
    try:
        await _finish(request, channel, found.code_verifier)
    except (Temporary, Permanent, Conflict, Invalid) as error:
        _log.info("a sign-in failed", channel=channel.id, code=error.code)
        return _failed(request, "Not signed in", _sentence(error), again)
    # Who has just connected it goes on where the page listens for the first message.
    onward = f"{again}/set-up" if channel.state == "draft" else again
    return RedirectResponse(onward, status_code=303)


def _refusal(request: Request, provider: str) -> str | None:
    """What an answer without a code means; its own words are the provider's, not for a page."""
    error = bodies.single(request, "error")
    if error == "access_denied":
        return f"At {provider} somebody chose not to allow it. Nothing was changed here."
    if error is not None or not bodies.single(request, "code"):
        return f"{provider} ended the sign-in with an error. Nothing was changed here."
    if len(bodies.single(request, "code") or "") > _LONGEST:
        return f"{provider} sent back something that is no sign-in. Nothing was changed here."
    return None


async def _finish(request: Request, channel: Channel, verifier: str) -> None:
    context = contexts.of(request)
    credentials = await _connector(context, channel).sign_in(
        _given(channel),
        redirect_uri=context.settings.public_url + CALLBACK,
        code=bodies.single(request, "code") or "",
        code_verifier=verifier,
    )
    await service(context).signed_in(channel, credentials, datetime.now(UTC))
    _log.info("a channel was signed in", channel=channel.id)


def _sentence(error: AssentError) -> str:
    if isinstance(error, Temporary):
        return "The provider does not answer just now. Nothing was changed. Try again in a minute."
    return str(error)


def _failed(request: Request, title: str, reason: str, again: str) -> Response:
    return render(
        request,
        "settings/sign_in_failed.html",
        {"title": title, "reason": reason, "again": again},
        status_code=400,
    )
