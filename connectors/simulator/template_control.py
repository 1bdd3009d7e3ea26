"""The control API of WhatsApp's templates, under /simulator/api/accounts/whatsapp/{account}:

GET /templates
    All of the account's business, with Meta's words.
PUT /templates/{name}/{language}
    Make or change one: `status`, `category`, `quality`, `reason`, `components`; what is not given
    stays. Each change is told by the webhook that Meta has for it; with `"quiet": true` by none.
DELETE /templates/{name}/{language}
    Delete it, which is told as well.
"""

from __future__ import annotations

import secrets
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connectors.simulator.control import answering, as_json, read_as
from connectors.simulator.courier import Attempt
from connectors.simulator.exchange import Exchange
from connectors.simulator.meta import Json
from connectors.simulator.shapes import Wrong
from connectors.simulator.whatsapp import WhatsApp
from connectors.simulator.whatsapp_events import WhatsAppAccount
from connectors.simulator.whatsapp_templates import Template


class PutTemplate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    status: Literal["APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED"] | None = None
    category: Literal["MARKETING", "UTILITY", "AUTHENTICATION"] | None = None
    quality: Literal["GREEN", "YELLOW", "RED", "UNKNOWN"] | None = None
    reason: str | None = None
    # Any: components in Meta's shape, which the list gives back as they are.
    components: list[dict[str, Any]] | None = None
    quiet: bool = False


class TemplateControl:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[BaseRoute]:
        base = "/simulator/api/accounts/whatsapp/{account}/templates"
        one = base + "/{name}/{language}"
        return [
            Route(base, answering(self._list), methods=["GET"]),
            Route(one, answering(self._put), methods=["PUT"]),
            Route(one, answering(self._delete), methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        kind, account = self._account(request)
        return as_json([one.shown() for one in kind.templates_of(account)])

    async def _put(self, request: Request) -> Response:
        kind, account = self._account(request)
        body = await read_as(request, PutTemplate)
        known = kind.templates_of(account)
        template = self._find(known, request)
        if template is None:
            template = Template(
                id=str(10**15 + secrets.randbelow(10**14)),
                name=request.path_params["name"],
                language=request.path_params["language"],
                status="PENDING",
                category=body.category or "UTILITY",
                components=body.components or [{"type": "BODY", "text": "Hello"}],
            )
            known.append(template)
        told = list(_news(template, body))
        template.reason = body.reason or template.reason
        template.components = body.components or template.components
        for field, value in told if not body.quiet else ():
            await self._tell(kind, account, template, field, value)
        return as_json(template.shown())

    async def _delete(self, request: Request) -> Response:
        kind, account = self._account(request)
        known = kind.templates_of(account)
        template = self._find(known, request)
        if template is None:
            raise Wrong(404, "There is no such template.")
        known.remove(template)
        value = {"event": "DELETED", "reason": "NONE"}
        await self._tell(kind, account, template, "message_template_status_update", value)
        return Response(status_code=204)

    def _find(self, known: list[Template], request: Request) -> Template | None:
        key = (request.path_params["name"], request.path_params["language"])
        return next((one for one in known if (one.name, one.language) == key), None)

    async def _tell(
        self, kind: WhatsApp, account: WhatsAppAccount, template: Template, field: str, value: Json
    ) -> Attempt:
        named = {
            "message_template_id": int(template.id),
            "message_template_name": template.name,
            # Meta's webhooks are not agreed on this.
            "message_template_language": template.language.replace("_", "-"),
            **value,
        }
        pack = kind.pack_news(account, field, named)
        return await self._exchange.courier.deliver(account, pack, kind.manner)

    def _account(self, request: Request) -> tuple[WhatsApp, WhatsAppAccount]:
        kind = self._exchange.kinds["whatsapp"]
        name = request.path_params["account"]
        account = self._exchange.world.accounts.get(("whatsapp", name))
        if not isinstance(kind, WhatsApp) or not isinstance(account, WhatsAppAccount):
            raise Wrong(404, "There is no such account.")
        return kind, account


def _news(template: Template, body: PutTemplate) -> list[tuple[str, Json]]:
    """Change it, and say what Meta would tell of that."""
    told: list[tuple[str, Json]] = []
    if body.status is not None:
        template.status = body.status
        value = {"event": body.status, "reason": body.reason or "NONE"}
        category = {"message_template_category": template.category}
        told.append(("message_template_status_update", value | category))
    if body.category is not None and body.category != template.category:
        value = {"previous_category": template.category, "new_category": body.category}
        template.category = body.category
        told.append(("template_category_update", value))
    if body.quality is not None:
        value = {"previous_quality_score": template.quality, "new_quality_score": body.quality}
        template.quality = body.quality
        told.append(("message_template_quality_update", value))
    return told
