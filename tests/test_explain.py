"""`python run.py explain`: what a connector makes of one body, for people and programs."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors import registry
from connectors.http import Http
from inbox.explain import Unexplained, explain
from tests.connectors.people import PAYLOADS, payload

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CONNECTORS = registry(Http(), graph_url="", twilio_url="")


def told(kind: str, raw: bytes, now: datetime = NOW) -> dict[str, Any]:
    return explain(kind, raw, CONNECTORS, now)


def run(*arguments: str | Path, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "run.py", "explain", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, timeout=50)


FILES = sorted(
    (
        path
        for path in PAYLOADS.glob("*/*.json")
        if path.stem != "signature_vectors" and not path.stem.endswith(".expect")
    ),
    key=lambda path: (path.parent.name, path.name),
)

# What each documented file holds: messages (with how many files), statuses, other things.
HELD: dict[str, tuple[list[int], int, list[str]]] = {
    "whatsapp/batch_mixed": ([0, 0, 0, 0], 1, ["ignored"]),
    "whatsapp/contacts_phone_shared": ([0], 0, []),
    "whatsapp/document_non_ascii_name": ([1], 0, []),
    "whatsapp/duplicate_delivery": ([0, 0], 0, []),
    "whatsapp/hostile_huge_text": ([0], 0, []),
    "whatsapp/hostile_missing_messages": ([], 0, ["ignored"] * 7),
    "whatsapp/hostile_unknown_type_and_fields": ([0], 0, []),
    "whatsapp/hostile_wrong_types": ([0], 0, ["ignored"] * 2),
    "whatsapp/image_caption": ([1], 0, []),
    "whatsapp/interactive_button_reply": ([0], 0, []),
    "whatsapp/interactive_flow_reply": ([0], 0, []),
    "whatsapp/interactive_list_reply": ([0], 0, []),
    "whatsapp/location_named": ([0], 0, []),
    "whatsapp/message_edit": ([], 0, ["edit"]),
    "whatsapp/message_revoke": ([], 0, ["unsend"]),
    "whatsapp/order_with_referral_ad": ([0], 0, []),
    "whatsapp/reaction_added": ([], 0, ["reaction"]),
    "whatsapp/reaction_removed": ([], 0, ["reaction"]),
    "whatsapp/smb_message_echo": ([0], 0, []),
    "whatsapp/status_failed_marketing_stopped": ([], 1, []),
    "whatsapp/statuses_out_of_order": ([], 3, []),
    "whatsapp/sticker_animated": ([1], 0, []),
    "whatsapp/system_number_and_bsuid_change": ([], 0, ["identity_change"]),
    "whatsapp/template_button_stop": ([0], 0, []),
    "whatsapp/template_paused": ([], 0, ["template"]),
    "whatsapp/text": ([0], 0, []),
    "whatsapp/text_bsuid_only": ([0], 0, []),
    "whatsapp/text_frequently_forwarded": ([0], 0, []),
    "whatsapp/text_reply_context": ([0], 0, []),
    "whatsapp/unsupported_poll": ([0], 0, []),
    "whatsapp/user_preferences_stop": ([], 0, ["preference"]),
    "whatsapp/value_level_errors": ([], 0, ["notice"]),
    "whatsapp/voice_note": ([1], 0, []),
    "sms/07_mms_two_media": ([2], 0, []),
    "sms/08_media_count_lies": ([1], 0, []),
    "sms/09_media_ssrf": ([1], 0, []),
    "sms/whatsapp_image_reply": ([1], 0, []),
    "sms/whatsapp_sticker": ([1], 0, []),
    "sms/whatsapp_contacts": ([1], 0, []),
    "sms/whatsapp_reaction": ([], 0, ["reaction"]),
    "sms/whatsapp_status_read": ([], 1, []),
    "sms/whatsapp_status_failed_63016": ([], 1, []),
    "sms/service_other_number_status": ([], 1, []),
    **{f"sms/{path.stem}": ([], 1, []) for path in FILES if path.name.startswith("2")},
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_documented_file_is_explained(path: Path) -> None:
    kind, name = path.parent.name, f"{path.parent.name}/{path.stem}"
    found = told(kind, path.read_bytes())
    assert list(found) == ["messages", "statuses", "other"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    if kind not in ("whatsapp", "sms"):
        return
    files, statuses, other = HELD.get(name, ([0], 0, []))
    assert [len(message["attachments"]) for message in found["messages"]] == files
    assert len(found["statuses"]) == statuses
    assert [thing["kind"] for thing in found["other"]] == other


def test_a_message_with_a_file_is_told_whole() -> None:
    (message,) = told("whatsapp", (PAYLOADS / "whatsapp/image_caption.json").read_bytes())[
        "messages"
    ]
    assert message == {
        "provider_id": "wamid.HBgLMTU1NTAwMDIwMDEVAgASGBQzQTAwMDAwMDAwMDAwMDAwMDUA",
        "direction": "inbound",
        "from": "15550002001",
        "type": "image",
        "text": "Cracked lid",
        "at": "2026-11-06T21:20:05Z",
        "attachments": [
            {"kind": "image", "provider_id": "700000000000005", "mime_type": "image/jpeg"}
        ],
    }


def test_a_file_of_twilios_has_an_address_and_no_time() -> None:
    (message,) = told("sms", (PAYLOADS / "sms/08_media_count_lies.json").read_bytes())["messages"]
    (file,) = message["attachments"]
    assert list(file) == ["kind", "url", "mime_type"]
    assert file["url"].startswith("https://api.twilio.com/2010-04-01/Accounts/AC")
    assert (message["from"], message["at"]) == ("+15005550101", None)


def test_what_came_through_another_service_is_told_with_its_word() -> None:
    (message,) = told("sms", (PAYLOADS / "sms/whatsapp_image_reply.json").read_bytes())["messages"]
    (file,) = message.pop("attachments")
    assert (file["kind"], file["mime_type"]) == ("image", "image/jpeg")
    assert message == {
        "provider_id": "MM00000000000000000000000000000030",
        "direction": "inbound",
        "from": "whatsapp:+15005550101",
        "type": "image",
        "text": "This one",
        "at": None,
        "reply_to": "SM00000000000000000000000000000012",
        "content": {"forwarded": "often"},
        "standby": True,
    }
    (status,) = told("sms", (PAYLOADS / "sms/whatsapp_status_read.json").read_bytes())["statuses"]
    assert (status["status"], status["recipient"]) == ("read", "whatsapp:+15005550101")


def test_a_failed_status_has_its_code_and_its_recipient() -> None:
    raw = (PAYLOADS / "whatsapp/status_failed_marketing_stopped.json").read_bytes()
    assert told("whatsapp", raw)["statuses"] == [
        {
            "provider_id": "wamid.HBgLMTU1NTAwMDIwMDEVAgARGBIzQTAwMDAwMDAwMDAwMDA5MTEA",
            "status": "failed",
            "recipient": "15550002001",
            "at": "2026-11-06T21:35:15Z",
            "error_code": "131050",
        }
    ]


def test_an_echo_is_from_us_and_to_somebody() -> None:
    raw = (PAYLOADS / "whatsapp/smb_message_echo.json").read_bytes()
    (message,) = told("whatsapp", raw)["messages"]
    assert (message["direction"], message["from"], message["to"]) == (
        "outbound",
        "200000000000001",
        "15550002001",
    )


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("message_revoke", {"kind": "unsend"}),
        ("reaction_removed", {"kind": "reaction", "from": "15550002001", "emoji": None}),
        (
            "system_number_and_bsuid_change",
            {
                "kind": "identity_change",
                "old": ["15550002001", "US.10000000000000000001"],
                "new": ["15550002099", "US.10000000000000000099"],
            },
        ),
        ("user_preferences_stop", {"kind": "preference", "act": "stop", "from": "15550002001"}),
        ("value_level_errors", {"kind": "notice", "level": "warning", "code": "130429"}),
        (
            "template_paused",
            {
                "kind": "template",
                "name": "kettle_week",
                "language": "en_GB",
                "status": "paused",
            },
        ),
    ],
)
def test_what_is_no_message_has_a_word_and_its_ids(name: str, thing: dict[str, Any]) -> None:
    (found,) = told("whatsapp", (PAYLOADS / f"whatsapp/{name}.json").read_bytes())["other"]
    assert found.items() >= thing.items()


def test_a_file_from_a_clock_ahead_of_ours_keeps_its_times() -> None:
    raw = (PAYLOADS / "whatsapp/text.json").read_bytes()
    (message,) = told("whatsapp", raw, datetime(2024, 1, 1, tzinfo=UTC))["messages"]
    assert message["at"] == "2026-11-06T21:20:01Z"


PAIRS = [tuple(pair) for pair in payload("sms", "01_plain")["request"]["params"]]


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(dict(PAIRS)),
        json.dumps(PAIRS),
        json.dumps({"params": PAIRS}),
        json.dumps({"request": {"params": dict(PAIRS)}}),
        urlencode(PAIRS) + "\n",
        json.dumps({**dict(PAIRS), "NumMedia": 0, "FromZip": None, "Odd": ["a", "b"]}),
    ],
    ids=["object", "pairs", "params", "recorded", "posted", "with numbers"],
)
def test_a_form_may_be_kept_in_many_ways(raw: str) -> None:
    (message,) = told("sms", raw.encode())["messages"]
    assert (message["text"], message["from"]) == ("Hi, is my order ready?", "+15005550101")


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("whatsapp", b""),
        ("whatsapp", b"\xff\xfe"),
        ("whatsapp", b"{}"),
        ("whatsapp", b'{"entry": {}}'),
        ("whatsapp", b"[" * 100_000),
        ("sms", b""),
        ("sms", b"\xff\xfe"),
        ("sms", b"hello"),
        ("sms", b"{}"),
        ("sms", b"7"),
        ("sms", b'[["MessageSid"]]'),
        ("sms", b'{"MessageSid": {"$gt": ""}}'),
        ("sms", b'{"a": "1"}'),
        ("sms", json.dumps({f"a{n}": "" for n in range(3000)}).encode()),
        ("carrier-pigeon", b"{}"),
    ],
)
def test_what_is_no_such_body_is_refused_in_a_sentence(kind: str, raw: bytes) -> None:
    with pytest.raises(Unexplained) as caught:
        told(kind, raw)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_surrogate_and_a_nul_in_a_form_break_nothing() -> None:
    raw = json.dumps({"MessageSid": "SM1", "From": "+15005550101", "To": "x", "Body": "a\0\ud800"})
    (message,) = told("sms", raw.encode())["messages"]
    assert message["text"] == "a?"


@pytest.mark.parametrize(
    ("kind", "name"), [("whatsapp", "batch_mixed"), ("sms", "22_status_undelivered_30005")]
)
def test_the_command_prints_json(kind: str, name: str) -> None:
    path = PAYLOADS / kind / f"{name}.json"
    done = run(kind, path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == told(kind, path.read_bytes())


def test_the_command_reads_standard_input_and_prints_nothing_that_steers_a_terminal() -> None:
    raw = (PAYLOADS / "whatsapp/hostile_huge_text.json").read_bytes()
    done = run("whatsapp", "-", given=raw)
    assert done.returncode == 0
    assert done.stdout.isascii()
    (message,) = json.loads(done.stdout)["messages"]
    assert "\u202e" in message["text"]


def test_the_command_leaves_with_2_and_one_sentence(tmp_path: Path) -> None:
    for arguments in (
        ("sms", PAYLOADS / "whatsapp/text.json"),
        ("whatsapp", tmp_path / "missing.json"),
        ("pigeon", PAYLOADS / "whatsapp/text.json"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode().count("\n") == 1
        assert done.stderr.endswith(b".\n")


MAILS = sorted((PAYLOADS / "gmail").glob("*.eml"))


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_a_mail_in_a_file_is_explained(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expect.json").read_text())
    found = told("gmail", path.read_bytes())
    assert json.loads(json.dumps(found))["kind"] == expected.get("kind", found["kind"])
    assert found["subject"] == expected.get("subject", found["subject"])


def test_an_empty_file_is_no_mail() -> None:
    with pytest.raises(Unexplained, match="empty"):
        told("gmail", b" \n")
