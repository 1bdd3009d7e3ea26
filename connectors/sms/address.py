"""What Twilio writes in `From` and `To`: a phone number, a short code, a name, or an address at
another service, with that service's word in front (`whatsapp:+15550100`, `messenger:1234`).

The word stays part of every key: the same number in another service is another identity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_E164 = re.compile(r"\+[0-9]{7,15}", re.ASCII)
_WITH_SERVICE = re.compile(r"([a-z][a-z0-9_-]{0,31}):(.+)", re.ASCII | re.IGNORECASE | re.DOTALL)
_LABELS = {"whatsapp": "WhatsApp", "messenger": "Messenger", "rcs": "RCS"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """service  Twilio's word in lower case; "" for SMS itself
    bare     what follows it: a number as `+` and digits, anything else as it is
    """

    service: str
    bare: str

    @property
    def key(self) -> str:
        return f"{self.service}:{self.bare}" if self.service else self.bare

    @property
    def is_number(self) -> bool:
        return _E164.fullmatch(self.bare) is not None

    @property
    def label(self) -> str:
        """What people call the service; "" for SMS itself."""
        return _LABELS.get(self.service, self.service.capitalize())


def read_address(written: str) -> Address:
    """Of any text; both parts are empty where there is none."""
    written = written.strip()
    found = _WITH_SERVICE.fullmatch(written)
    service, bare = found.groups() if found else ("", written)
    bare = bare.strip()
    return Address(service=service.lower(), bare=e164(bare) or bare)


def e164(address: str) -> str | None:
    """The number with `+` and digits alone; None for short codes, names, and whatever names a
    service: they take no answer."""
    bare = re.sub(r"[\s().-]", "", address)
    return bare if _E164.fullmatch(bare) else None
