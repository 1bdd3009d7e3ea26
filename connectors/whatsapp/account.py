"""Asks Meta whether a channel's credentials work, and which of them does not."""

from __future__ import annotations

from connectors import meta_credentials as credentials
from connectors.body import items, line
from connectors.meta import Graph, segment
from inbox.domain.channel import Channel
from inbox.domain.errors import Permanent
from inbox.domain.examination import Examination, Finding

_PERMISSIONS = ("whatsapp_business_messaging", "whatsapp_business_management")


async def check(graph: Graph, channel: Channel) -> str:
    """The number's name for people, such as "Example Shop (+1 555 0100)". Raises as
    `Connector.check` says."""
    number = segment(channel.setting("phone_number_id"))
    path = f"{number}?fields=verified_name,display_phone_number"
    document = await graph.get(path, channel.setting("access_token"))
    name, phone = line(document, "verified_name"), line(document, "display_phone_number", 64)
    if name and phone:
        return f"{name} ({phone})"
    return name or phone or channel.account


async def examine(graph: Graph, channel: Channel) -> Examination:
    """As `Examines.examine` says."""
    known = await credentials.token(graph, channel, _PERMISSIONS)
    findings = {"access_token": known.finding}
    rest = ("phone_number_id", "business_account_id", "app_secret")
    if known.finding.state == "wrong" or not channel.setting("access_token"):
        return Examination(findings=findings | dict.fromkeys(rest, credentials.LATER))
    name = None
    if channel.setting("phone_number_id"):
        name, findings["phone_number_id"] = await _number(graph, channel)
    if channel.setting("business_account_id"):
        known_number = findings.get("phone_number_id") == credentials.OK
        findings["business_account_id"] = await _business(graph, channel, known_number)
    findings["app_secret"] = await credentials.app_secret(graph, channel)
    return Examination(findings=findings, account_name=name, expires_at=known.expires_at)


async def _number(graph: Graph, channel: Channel) -> tuple[str | None, Finding]:
    try:
        return await check(graph, channel), credentials.OK
    except Permanent:
        return None, credentials.wrong(
            "Meta knows no such number for this access token. Copy the phone number ID again, and"
            " see that the token's system user may use this WhatsApp account."
        )


async def _business(graph: Graph, channel: Channel, known_number: bool) -> Finding:
    """`known_number`: the channel's own is a good one, so that it has to be in this account."""
    account = segment(channel.setting("business_account_id"))
    token = channel.setting("access_token")
    try:
        document = await graph.get(f"{account}/phone_numbers?fields=id&limit=100", token)
    except Permanent:
        return credentials.wrong("Meta knows no such WhatsApp Business Account for this token.")
    numbers = [line(one, "id", 64) for one in items(document, "data")]
    if known_number and channel.setting("phone_number_id") not in numbers:
        return credentials.wrong("This phone number is not in this WhatsApp Business Account.")
    return credentials.OK
