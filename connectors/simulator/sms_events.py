"""The webhooks of SMS and MMS, messages and statuses, and what Twilio makes of the answers."""

from __future__ import annotations

from typing import ClassVar

from connectors.simulator.courier import Attempt, Manner, Pack
from connectors.simulator.gsm7 import segments
from connectors.simulator.kind import Kind
from connectors.simulator.stop import AdvancedOptOut, keyword
from connectors.simulator.twilio import Key, packing, reply_texts
from connectors.simulator.world import Account, Customer, Media, Message, now

API = "/2010-04-01"


class SmsAccount(Account, frozen=True, kw_only=True):
    """`account` is the number.

    provider_stop     the carrier side answers STOP, START and HELP on this number
    advanced_opt_out  of the Messaging Service: webhooks then say what its words were taken for
    api_key_sid       another login than the account's own, with its secret
    shared_key        `id=secret`: webhooks are signed with it, and not with the auth token
    media_auth        files of inbound messages are given to the account's owner only
    fallback_url      called once, with the error, when the webhook fails
    """

    account_sid: str
    auth_token: str
    messaging_service_sid: str | None = None
    provider_stop: bool = True
    advanced_opt_out: AdvancedOptOut | None = None
    api_key_sid: str = ""
    api_key_secret: str = ""
    shared_key: str = ""
    media_auth: bool = True
    fallback_url: str | None = None


class SmsEvents(Kind[SmsAccount]):
    signing_field: ClassVar = "auth_token"
    manner: ClassVar = Manner(any_failure=False, at_once=1)

    def pack_message(self, account: SmsAccount, customer: Customer, message: Message) -> Pack:
        fields = {
            "ToCountry": "US",
            "ToState": "",
            "SmsMessageSid": message.id,
            "NumMedia": str(len(message.media)),
            "ToCity": "",
            "FromZip": "",
            "SmsSid": message.id,
            "FromState": "",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": message.text,
            "FromCountry": "US",
            "To": account.account,
            "ToZip": "",
            "NumSegments": str(max(1, segments(message.text))),
            "ReferralNumMedia": "0",
            "MessageSid": message.id,
            "AccountSid": account.account_sid,
            "From": customer.phone,
            "ApiVersion": "2010-04-01",
        }
        if account.messaging_service_sid:
            fields["MessagingServiceSid"] = account.messaging_service_sid
        word = keyword(message.text, account.advanced_opt_out)
        if account.advanced_opt_out is not None and word is not None:
            fields["OptOutType"] = word
        for index, media in enumerate(message.media):
            fields[f"MediaContentType{index}"] = media.mime
            fields[f"MediaUrl{index}"] = self._media_url(account, message, media)
        return packing(_key(account), account.webhook_url, fields)

    def _media_url(self, account: SmsAccount, message: Message, media: Media) -> str:
        return self.exchange.base_url + self.media_path(account, message, media)

    def media_path(self, account: SmsAccount, message: Message, media: Media) -> str:
        return f"{API}/Accounts/{account.account_sid}/Messages/{message.id}/Media/{media.id}"

    def pack_status(
        self, account: SmsAccount, customer: Customer | None, message: Message, status: str
    ) -> Pack | None:
        url = message.details.get("callback")
        if not url:
            return None
        fields = {
            "SmsSid": message.id,
            "SmsStatus": status,
            "MessageStatus": status,
            "To": message.details["to"],
            "MessageSid": message.id,
            "AccountSid": account.account_sid,
            "From": account.account,
            "ApiVersion": "2010-04-01",
        }
        if message.details.get("service"):
            fields["MessagingServiceSid"] = message.details["service"]
        if status in ("failed", "undelivered") and message.failure is not None:
            fields["ErrorCode"] = str(message.failure.code)
        if status in ("delivered", "undelivered"):
            fields["RawDlrDoneDate"] = now().strftime("%y%m%d%H%M")
        return packing(_key(account), url, fields)

    async def answered(
        self, account: SmsAccount, customer: Customer, attempt: Attempt, pack: Pack
    ) -> None:
        if not attempt.taken:
            await self._fall_back(account, attempt, pack)
            return
        for text in reply_texts(attempt):
            # An answer in words is a message to the customer, whatever the inbox meant by it.
            message = Message(
                id=self.new_id(customer, outbound=True, media=False),
                kind=self.name,
                account=account.account,
                customer_id=customer.id,
                direction="outbound",
                at=now(),
                status="delivered",
                text=text,
                details={"to": customer.phone, "reply_of_webhook": "true"},
            )
            self.exchange.changed(message)

    async def _fall_back(self, account: SmsAccount, attempt: Attempt, pack: Pack) -> None:
        if account.fallback_url is None:
            return
        fields = dict(pack().fields) | {"ErrorCode": "11200", "ErrorUrl": account.webhook_url}
        await self.exchange.courier.post(
            packing(_key(account), account.fallback_url, fields)(), account.timeout_s
        )


def _key(account: SmsAccount) -> Key:
    """With what Twilio signs: the auth token, or a shared key."""
    name, _, secret = account.shared_key.partition("=")
    return Key(secret=secret, id=name) if name else Key(secret=account.auth_token)
