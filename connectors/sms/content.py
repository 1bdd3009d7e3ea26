"""What an inbound message from Twilio holds beside its words and files. Plain SMS has none of it;
the fields come with richer kinds that use the same form.

source  www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.body import line, link, number, text
from connectors.content import Read, present, read_choice, read_form, read_location
from connectors.sms.form import Form


def read_rich(form: Form) -> tuple[str, str, dict[str, object]]:
    """Type, words and content of what is more than text; the type is `text` where there is no
    such thing. Never raises."""
    # An empty field says the same as a missing one.
    fields = {name: form.first(name) for name in form if form.first(name)}
    more = _beside(fields)
    for kind, read in (
        ("location", _location(fields)),
        ("button", read_choice(line(fields, "ButtonPayload"), line(fields, "ButtonText"))),
        (
            "interactive",
            read_choice(
                line(fields, "ListId"),
                line(fields, "ListTitle"),
                line(fields, "ListDescription", 1024),
            ),
        ),
        ("interactive", _form(fields)),
    ):
        if read is not None:
            words, own = read
            return kind, words, {**more, **own}
    return "text", "", more


def _location(fields: Mapping[str, str]) -> Read:
    return read_location(
        number(fields, "Latitude"),
        number(fields, "Longitude"),
        name=line(fields, "Label"),
        address=line(fields, "Address"),
    )


def _form(fields: Mapping[str, str]) -> Read:
    answers = text(fields, "FlowData") or text(fields, "InteractiveData")
    return None if answers is None else read_form(None, answers, None)


def _beside(fields: Mapping[str, str]) -> dict[str, object]:
    more: dict[str, object] = {}
    if fields.get("FrequentlyForwarded", "").lower() == "true":
        more["forwarded"] = "often"
    elif fields.get("Forwarded", "").lower() == "true":
        more["forwarded"] = "once"
    source = line(fields, "ReferralSourceType", 64)
    found = present(
        url=link(fields, "ReferralSourceUrl"),
        headline=line(fields, "ReferralHeadline"),
        text=text(fields, "ReferralBody"),
        ad_id=line(fields, "ReferralSourceId", 64) if source == "ad" else None,
        ref=line(fields, "ReferralCtwaClid"),
    )
    if source or found:
        more["referral"] = {"source": source or "ad", **found}
    return more
