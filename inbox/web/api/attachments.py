"""Files: uploads to be sent, and the content of what is in a conversation."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox import shapes
from inbox.domain.agent import Agent
from inbox.domain.errors import Invalid, NotFound
from inbox.domain.ids import AttachmentId
from inbox.files import MOST_BYTES, clean_name, make_safe
from inbox.store.files import StoredFile
from inbox.web import context as contexts
from inbox.web.api import views
from inbox.web.context import Context
from inbox.web.signin import signed_in

# A file's own policy: whatever is in it, nothing of it runs.
FILE_POLICY = "sandbox; default-src 'none'"
_INLINE = ("image/jpeg", "image/png", "image/gif", "image/webp")


async def create(request: Request) -> Response:
    """`POST /attachments`: one part `file`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > MOST_BYTES + 64 * 1024:
        raise Invalid("The file is larger than 25 MB.", code="file_too_large")
    async with request.form(max_files=1, max_fields=1) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise Invalid("Send one part named file.", errors=(("file", "missing"),))
        content = await upload.read()
        name, claimed = upload.filename, upload.content_type
    safe = await asyncio.to_thread(make_safe, content, claimed)
    attachment = safe.attachment(clean_name(name))
    await context.stores.files.put(
        caller.agent.workspace_id,
        attachment,
        safe.content,
        uploaded_by=caller.agent.id,
        now=datetime.now(UTC),
    )
    return JSONResponse(shapes.attachment(attachment), status_code=201)


async def show(request: Request) -> Response:
    """`GET /attachments/{id}`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    attachment_id = AttachmentId(request.path_params["id"])
    stored = await context.stores.files.find(caller.agent.workspace_id, attachment_id)
    if stored is None or not await _may_see(context, caller.agent, stored):
        raise NotFound("There is no such file.")
    return await _content(context, stored)


async def for_providers(request: Request) -> Response:
    """`GET /files/{token}`: a signed link, for a provider that fetches what we send."""
    context = contexts.of(request)
    opened = context.links.opened(request.path_params["token"], datetime.now(UTC))
    if opened is None:
        raise NotFound("There is no such file.")
    stored = await context.stores.files.find(*opened)
    if stored is None:
        raise NotFound("There is no such file.")
    return await _content(context, stored)


async def _may_see(context: Context, agent: Agent, stored: StoredFile) -> bool:
    if stored.conversation_id is None:
        return stored.uploaded_by == agent.id
    try:
        await views.get_conversation(context, agent, stored.conversation_id)
    except NotFound:
        return False
    return True


async def _content(context: Context, stored: StoredFile) -> Response:
    content = await context.stores.files.content(stored.attachment.id)
    if content is None:
        raise NotFound("There is no such file.")
    mime = stored.attachment.mime or "application/octet-stream"
    how = "inline" if mime in _INLINE or mime.startswith(("audio/", "video/")) else "attachment"
    name = quote(stored.attachment.name or stored.attachment.id, safe="")
    return Response(
        content,
        media_type=mime,
        headers={
            "content-disposition": f"{how}; filename*=UTF-8''{name}",
            "content-security-policy": FILE_POLICY,
            # What is behind an attachment's id never changes.
            "cache-control": "private, max-age=86400, immutable",
        },
    )
