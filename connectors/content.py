"""What a message of several kinds may be more than text, in words for an agent and with the keys of
`content` in docs/api.md. Where each part is found in a provider's body is the connector's business.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from connectors.body import NotJson, clean, decode

Read = tuple[str, dict[str, object]] | None
"""Words and what is more; None when the part is not what its type promises."""


# The business's own note to itself, and Meta's: nobody's answers.
_NO_ANSWERS = ("flow_token", "wa_flow_response_params")


def present(**values: object) -> dict[str, object]:
    """Those that are there."""
    return {key: value for key, value in values.items() if value is not None}


def read_location(
    latitude: float | None,
    longitude: float | None,
    *,
    name: str | None,
    address: str | None,
    url: str | None = None,
) -> Read:
    """A point on the earth, with the words for it."""
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    point = f"{latitude:.8g}, {longitude:.8g}"
    named = ", ".join(part for part in (name, address) if part)
    words = f"Location: {named} ({point})" if named else f"Location: {point}"
    more = present(latitude=latitude, longitude=longitude, name=name, address=address, url=url)
    return words, {"location": more}


def read_choice(own_id: str | None, title: str | None, description: str | None = None) -> Read:
    """A button or a row that was pressed: what it said, else what it stands for."""
    shown = title or own_id
    if shown is None:
        return None
    return shown, {"choice": present(id=own_id or shown, title=shown, description=description)}


def read_form(name: str | None, answers: str | None, body: str | None) -> Read:
    """A form that was filled in: its answers are JSON inside of a text, and need not be an object.

    body   what WhatsApp showed in its place, for when there is no answer that can be read
    """
    if name is None and answers is None and body is None:
        return None
    try:
        decoded = decode((answers or "").encode("utf-8", "replace"))
    except NotJson:
        decoded = None
    if decoded is not None and not isinstance(decoded, Mapping):
        decoded = {"answer": decoded}
    values = {
        clean(key): _shown(value)
        for key, value in _answers(decoded or {})
        if key not in _NO_ANSWERS and value is not None
    }
    title = name or "form"
    rows = [f"{key}: {value[:200]}" for key, value in list(values.items())[:20]]
    words = "\n".join([f"Form: {title}", *(rows or [body] if body else rows)])
    return words, {"form": {"name": title, "values": values}}


def _answers(decoded: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Each answer; an address comes as answers within one."""
    for key, value in decoded.items():
        if key == "values" and isinstance(value, Mapping):
            yield from value.items()
        else:
            yield key, value


def _shown(value: object) -> str:
    if isinstance(value, str):
        return clean(value)
    try:
        return clean(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return "…"
