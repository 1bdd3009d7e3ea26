"""Twilio's form: names and values as they were signed, blanks and repetitions included."""

from __future__ import annotations

from urllib.parse import parse_qsl

from connectors.body import clean

_MOST_FIELDS = 1000


class Form(dict[str, list[str]]):
    """Every value of every name. Twilio's validator asks by `getall`; we ask by `first`."""

    def getall(self, name: str) -> list[str]:
        return self[name]

    def first(self, name: str) -> str:
        """The first value, cleaned; empty when there is none."""
        return clean(self[name][0]) if name in self else ""


def read_form(raw: bytes) -> Form:
    """Decode a body or a query; ValueError for thousands of fields or bytes that are no text."""
    form = Form()
    pairs = parse_qsl(
        raw.decode("utf-8"),
        keep_blank_values=True,
        max_num_fields=_MOST_FIELDS,
        errors="replace",
    )
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def is_form(content_type: str) -> bool:
    """True for a form body; a request without a content type is taken for one, as Twilio's
    validator takes it."""
    kind = content_type.split(";")[0].strip().lower()
    return kind in ("", "application/x-www-form-urlencoded")
