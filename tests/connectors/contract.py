"""What every connector must keep, whatever its kind. A kind's test class inherits from `Contract`
and says how its provider signs and what its bodies look like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.http import Http
from inbox.domain.channel import Channel, Connector, Payload, WebhookRequest
from inbox.domain.errors import MalformedPayload, Untrusted
from inbox.domain.gate import PermitMissing
from inbox.domain.report import Ignored, MessageReceived
from tests.connectors.conftest import Provider
from tests.connectors.people import RECEIVED_AT, outbound, permit_for

API = "https://api.example.com"
DEEP = b'{"object": "x", "entry": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HOSTILE_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"{",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "NaN": b'{"entry": [NaN, -Infinity]}',
    "100k deep": DEEP,
    "broken UTF-8": b'{"entry": "\xff\xfe"}',
    "broken UTF-8 in a form": b"MessageSid=%ff%fe&Body=\xff",
    "huge integer": b'{"entry": [' + b"9" * 6000 + b"]}",
    "lone surrogate": b'{"entry": [{"changes": [{"field": "\\ud800", "value": {}}]}]}',
    "NUL": b'{"entry": [{"id": "\\u0000"}]}',
    "duplicate keys": b'{"entry": [], "entry": [{"changes": []}]}',
    "an operator": b'{"entry": {"$gt": ""}}',
    "thousands of fields": b"&".join(b"a%d=1" % n for n in range(3000)),
}


class Contract(ABC):
    """Tests that hold for each kind. Subclasses give the pieces below."""

    @abstractmethod
    def connector(self, http: Http | None = None, url: str = API) -> Connector:
        """One that calls its provider at `url`; without a client for what calls nobody."""

    @abstractmethod
    def channel(self, secret: str | None = None) -> Channel:
        """The channel that `signed` is about."""

    @abstractmethod
    def signed(self, secret: str | None = None) -> WebhookRequest:
        """A good body, signed with the channel's secret or another one."""

    # Some sign a token of their own, which says who calls and nothing of the body.
    signs_body = True
    reported: type = MessageReceived
    signature_header: str
    unknown_change: Payload
    content_type: str

    def refused(self, request: WebhookRequest, *channels: Channel) -> bool:
        with pytest.raises(Untrusted):
            self.connector().verify(request, channels)
        return True

    def test_a_good_signature_is_believed(self) -> None:
        self.connector().verify(self.signed(), [self.channel()])

    def test_a_changed_body_is_refused(self) -> None:
        request = self.signed()
        changed = replace(request, body=request.body + b"&a=1")
        if self.signs_body:
            assert self.refused(changed, self.channel())
        else:
            signature = request.headers[self.signature_header]
            middle = len(signature) // 2
            other = "A" if signature[middle] != "A" else "B"
            changed = self.with_signature(signature[:middle] + other + signature[middle + 1 :])
            assert self.refused(changed, self.channel())

    def with_signature(self, signature: str) -> WebhookRequest:
        request = self.signed()
        return replace(request, headers={**request.headers, self.signature_header: signature})

    def test_a_missing_signature_is_refused(self) -> None:
        headers = dict(self.signed().headers)
        del headers[self.signature_header]
        assert self.refused(replace(self.signed(), headers=headers), self.channel())

    @pytest.mark.parametrize("odd", ["", "sha256=", "sha1=abc", "sha256=zz", "é", "x" * 10_000])
    def test_an_odd_signature_is_refused(self, odd: str) -> None:
        assert self.refused(self.with_signature(odd), self.channel())

    def test_another_secret_is_refused(self) -> None:
        assert self.refused(self.signed("another-secret"), self.channel())

    def test_an_empty_secret_verifies_nothing(self) -> None:
        assert self.refused(self.signed(""), self.channel(secret=""))
        assert self.refused(self.signed(""), self.channel(secret=" \n, "))

    def test_no_channel_verifies_nothing(self) -> None:
        assert self.refused(self.signed())

    def test_either_secret_is_believed_while_one_is_replaced(self) -> None:
        channel = self.channel(secret="old-secret\nnew-secret")
        for secret in ("old-secret", "new-secret"):
            self.connector().verify(self.signed(secret), [channel])
        assert self.refused(self.signed("old-secret\nnew-secret"), channel)

    def test_the_secret_of_a_later_channel_is_believed(self) -> None:
        channels = [self.channel(secret="another-secret"), self.channel()]
        self.connector().verify(self.signed(), channels)

    def test_an_unknown_change_is_counted_and_no_error(self) -> None:
        reports = self.connector().parse(self.unknown_change, RECEIVED_AT)
        assert [type(report) for report in reports] == [Ignored]

    def test_the_same_body_reports_the_same_twice(self) -> None:
        request = self.signed()
        body = Payload(method="POST", query=b"", content_type=self.content_type, body=request.body)
        first = self.connector().parse(body, RECEIVED_AT)
        assert [type(report) for report in first] == [self.reported]
        assert self.connector().parse(body, RECEIVED_AT) == first

    @pytest.mark.parametrize("name", HOSTILE_BODIES)
    @pytest.mark.parametrize("method", ["POST", "GET", "PULL"])
    def test_a_hostile_body_breaks_nothing(self, name: str, method: str) -> None:
        raw = HOSTILE_BODIES[name]
        for content_type in (self.content_type, "application/json", "", "nonsense"):
            body = Payload(method=method, query=raw, content_type=content_type, body=raw)
            try:
                reports = self.connector().parse(body, RECEIVED_AT)
            except MalformedPayload:
                continue
            assert all(isinstance(report, Ignored) for report in reports)

    @pytest.mark.parametrize("name", HOSTILE_BODIES)
    def test_a_hostile_body_without_a_signature_is_refused(self, name: str) -> None:
        raw = HOSTILE_BODIES[name]
        request = replace(self.signed(), body=raw, query=raw)
        if not self.signs_body:
            request = replace(request, headers={"content-type": self.content_type})
        assert self.refused(request, self.channel())

    async def test_nothing_leaves_with_the_permit_of_another_message(
        self, http: Http, provider: Provider
    ) -> None:
        message = outbound(self.channel())
        other = permit_for(replace(message, text="something else"))
        with pytest.raises(PermitMissing):
            await self.connector(http, provider.url).send(message, other)
        assert provider.calls == []

    async def test_nothing_leaves_with_a_permit_that_is_spent(
        self, http: Http, provider: Provider
    ) -> None:
        message = outbound(self.channel())
        permit = permit_for(message)
        permit.spend(message.subject(), datetime.now(UTC))
        with pytest.raises(PermitMissing):
            await self.connector(http, provider.url).send(message, permit)
        assert provider.calls == []

    def test_credentials_are_declared_once_each(self) -> None:
        manifest = self.connector().manifest
        names = [credential.name for credential in manifest.needs]
        assert len(names) == len(set(names))
        assert {manifest.account_field, manifest.signing_field} <= set(names)
        signing = next(c for c in manifest.needs if c.name == manifest.signing_field)
        assert signing.secret is self.signs_body
