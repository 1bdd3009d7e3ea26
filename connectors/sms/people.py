"""Who wrote an inbound message: a number on SMS, or a person at a service that Twilio passes on.

In WhatsApp a person may hide the number: then `From` holds their business-scoped user id instead.
"""

from __future__ import annotations

import re

from connectors.body import line
from connectors.sms.address import Address, read_address
from connectors.sms.form import Form
from inbox.domain.report import Sender

_DIGITS = re.compile(r"[0-9]{7,15}", re.ASCII)


def read_sender(form: Form) -> Sender | None:
    """The person with every key that the form has of them, the written one first; None when it
    names nobody."""
    written = form.first("From").strip()
    address = read_address(written)
    if not address.bare:
        return None
    name = _line(form, "ProfileName")
    if not address.service:
        keys = tuple(dict.fromkeys((written, address.key)))
        return Sender(keys=keys, address=address.key, handle=address.key, name=name)
    own, parent = _id(form, "ExternalUserId", address), _id(form, "ParentExternalUserId", address)
    known = (written, address.key, _number(form, address), own, parent)
    return Sender(
        keys=tuple(dict.fromkeys(key for key in known if key)),
        address=address.key,
        handle=f"{address.label} · {_shown(form, address, name)}",
        name=name,
        person_id=own or (None if address.is_number else address.key),
    )


def _id(form: Form, field: str, address: Address) -> str | None:
    """Another id of the same person, with the service that it is of."""
    found = _line(form, field, 160)
    return found and Address(service=address.service, bare=read_address(found).bare).key


def _number(form: Form, address: Address) -> str | None:
    found = form.first("WaId").strip()
    return f"{address.service}:+{found}" if _DIGITS.fullmatch(found) else None


def _shown(form: Form, address: Address, name: str | None) -> str:
    """The number where there is one; else the best that there is."""
    if address.is_number:
        return address.bare
    username = _line(form, "ProfileUsername", 64) or _line(form, "Username", 64)
    return f"@{username.lstrip('@')}" if username else name or address.bare


def _line(form: Form, field: str, longest: int = 256) -> str | None:
    return line({field: form.first(field)}, field, longest)
