"""Servers die; what was written on either side arrives once, and nobody reloads."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from playwright.sync_api import APIResponse, Route, WebSocket, expect

from tests.journeys.conftest import OpenInbox, TakePhone, Watcher
from tests.journeys.program import DemoProgram, Network

NETWORK_NOISE = ("net::ERR_", "WebSocket connection .* failed", "status of 503")


def test_a_killed_server_comes_back_to_an_open_page(
    program: DemoProgram,
    network: Network,
    open_inbox: OpenInbox,
    take_phone: TakePhone,
    watcher: Watcher,
) -> None:
    watcher.expects(*NETWORK_NOISE)
    greta = network.simulator.customer("Greta Lund")
    hugo = network.simulator.customer("Hugo Brandt")
    inbox = open_inbox()
    inbox.marks_this_document()
    frames = _frames(inbox.page)
    inbox.page.evaluate("dispatchEvent(new Event('online'))")  # a websocket that we can listen to
    phone = take_phone("whatsapp", hugo, url=network.simulator.url)
    phone.types("Are you there?")
    inbox.open(hugo.name)
    expect(inbox.message("Are you there?")).to_have_count(1)

    program.kill()
    expect(inbox.banner).to_contain_text("What you write is kept and sent when we are back.")
    phone.takes_over(greta)
    phone.types("Nobody answers")
    expect(phone.bubble("Nobody answers")).to_contain_text("Inbox not reached")
    inbox.says("Written while the server was away.")
    expect(inbox.message("Written while the server")).to_contain_text("Not sent yet")
    program.start()

    expect(inbox.banner).to_be_hidden(timeout=20_000)
    message = inbox.message("Written while the server was away.")
    expect(message).not_to_contain_text("Not sent yet", timeout=20_000)
    expect(message).to_have_count(1)
    expect(inbox.unread(greta.name)).to_have_text("1", timeout=20_000)
    inbox.open(greta.name)
    expect(inbox.message("Nobody answers")).to_have_count(1)
    assert inbox.was_never_reloaded()
    # Its log of events began anew with the server: the page was told why it had to fetch.
    resyncs = [frame for frame in frames if frame["type"] == "resync"]
    assert resyncs
    assert all(frame["reason"] for frame in resyncs)


def test_what_comes_while_a_thread_is_being_fetched_is_in_it(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Elin Strand")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("Before the fetch")
    expect(inbox.unread(customer.name)).to_have_text("1")
    held: list[tuple[Route, APIResponse]] = []
    inbox.page.route(
        "**/conversations/*/messages?*",
        lambda route: route.continue_() if held else held.append((route, route.fetch())),
    )
    inbox.row(customer.name).locator("a").click()
    while not held:
        inbox.page.wait_for_timeout(20)
    phone.types("During the fetch")
    expect(inbox.row(customer.name)).to_contain_text("During the fetch")
    route, response = held[0]
    route.fulfill(response=response)
    expect(inbox.message("Before the fetch")).to_have_count(1)
    expect(inbox.message("During the fetch")).to_have_count(1)


def test_an_older_list_takes_no_message_back(open_inbox: OpenInbox) -> None:
    """A message is told before its conversation is summed up: an answer may be from in between."""
    seen = open_inbox().page.evaluate(
        """async () => {
          const { State } = await import("/static/js/state.js");
          const boot = JSON.parse(document.getElementById("boot").textContent);
          const [older] = boot.conversations.data;
          const at = new Date().toISOString();
          const message = {
            id: "msg_1", conversation_id: older.id, direction: "inbound", type: "text",
            seq: older.last_seq + 1, place: older.last_seq + 1,
            inbound_seq: older.inbound_seq + 1,
            text: "Just now", status: "received", sent_at: at, received_at: at,
          };
          // Recovered after it, and older: it counts, and is not what the list shows.
          const late = {
            ...message, id: "msg_2", seq: message.seq + 1, place: 1, text: "Long ago",
            inbound_seq: message.inbound_seq + 1,
          };
          const created = (data) => ({ type: "message.created", conversation_id: older.id, data });
          const shown = (state) => {
            const { last_message, unread } = state.conversations.get(older.id);
            return [last_message.text, unread - older.unread];
          };
          const page = { data: [older], next_cursor: null, has_more: false };
          const known = new State(boot);
          known.putList("open:", page);
          known.apply(created(message));
          known.apply(created(late));
          known.putList("open:", page);
          const unknown = new State(boot);
          const wanted = unknown.apply(created(message)).conversation;
          unknown.apply(created(late));
          unknown.putConversation(older);
          return { known: shown(known), unknown: shown(unknown), asked: wanted === older.id };
        }"""
    )
    assert seen == {"known": ["Just now", 2], "unknown": ["Just now", 2], "asked": True}


def test_of_two_moves_told_in_the_other_order_the_later_holds(open_inbox: OpenInbox) -> None:
    statuses = open_inbox().page.evaluate(
        """async () => {
          const { State } = await import("/static/js/state.js");
          const state = new State(JSON.parse(document.getElementById("boot").textContent));
          const conversation = { id: "cnv_1", contact: {}, channel: {}, status: "open" };
          state.putConversation({ ...conversation, status_version: 4, inbound_seq: 0 });
          const moves = [["resolved", 5], ["reopened", 8], ["resolved", 7]];
          return moves.map(([word, status_version]) => {
            const status = word === "reopened" ? "open" : word;
            const data = { id: "cnv_1", status, status_version };
            state.apply({ type: `conversation.${word}`, conversation_id: "cnv_1", data });
            return state.conversations.get("cnv_1").status;
          });
        }"""
    )
    assert statuses == ["resolved", "open", "open"]


def test_what_an_agent_writes_offline_arrives_once(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, watcher: Watcher
) -> None:
    watcher.expects(*NETWORK_NOISE)
    customer = program.simulator.customer("Mats Eriksen")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("Three questions")
    inbox.open(customer.name)
    inbox.page.context.set_offline(True)
    for text in ("First answer", "Second answer", "Third answer"):
        inbox.says(text)
    expect(inbox.message("First answer")).to_contain_text("Not sent yet")
    inbox.page.context.set_offline(False)
    expect(phone.bubbles).to_have_count(4)
    expect(phone.bubbles).to_contain_text(
        ["Three questions", "First answer", "Second answer", "Third answer"]
    )
    for text in ("First answer", "Second answer", "Third answer"):
        expect(inbox.message(text)).to_have_count(1)


def test_what_waits_outlives_a_reload(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, watcher: Watcher
) -> None:
    watcher.expects(*NETWORK_NOISE)
    customer = program.simulator.customer("Runa Dahl")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("Hello")
    inbox.open(customer.name)
    inbox.page.route("**/api/v1/conversations/*/messages", lambda route: route.abort())
    inbox.says("Kept over a reload")
    expect(inbox.message("Kept over a reload")).to_contain_text("Not sent yet")
    inbox.types("and a draft")
    inbox.page.unroute_all()
    inbox.page.reload()
    expect(phone.bubble("Kept over a reload")).to_have_count(1)
    expect(inbox.message("Kept over a reload")).to_have_count(1)
    expect(inbox.text).to_have_value("and a draft")


def test_a_killed_database_is_said_calmly_or_not_noticed(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, watcher: Watcher
) -> None:
    watcher.expects(*NETWORK_NOISE)
    customer = program.simulator.customer("Milo Castro")
    inbox = open_inbox()
    inbox.marks_this_document()
    phone = take_phone("whatsapp", customer)
    phone.types("Before")
    inbox.open(customer.name)
    os.kill(program.database_pid, signal.SIGKILL)
    inbox.says("Written while the database was away")
    expect(phone.bubble("Written while the database was away")).to_have_count(1, timeout=20_000)
    expect(inbox.message("Written while the database was away")).to_have_count(1)
    phone.types("After")
    expect(inbox.message("After")).to_have_count(1, timeout=20_000)
    expect(inbox.banner).to_be_hidden(timeout=20_000)
    assert inbox.was_never_reloaded()


def test_a_database_that_stays_away_is_announced_and_nothing_is_lost(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, watcher: Watcher
) -> None:
    watcher.expects(*NETWORK_NOISE)
    customer = program.simulator.customer("Iris Moreau")
    inbox = open_inbox()
    inbox.marks_this_document()
    phone = take_phone("whatsapp", customer)
    phone.types("Before")
    inbox.open(customer.name)
    frozen = program.database_pid
    os.kill(frozen, signal.SIGSTOP)
    try:
        expect(inbox.banner).to_contain_text(
            "The inbox cannot reach its database. What you write is kept; nothing is lost.",
            timeout=20_000,
        )
        inbox.says("Patience")
        expect(inbox.message("Patience").locator(".tick")).to_have_attribute(
            "data-status", "queued"
        )
    finally:
        _wake(frozen)
    expect(inbox.banner).to_be_hidden(timeout=20_000)
    expect(phone.bubble("Patience")).to_have_count(1, timeout=30_000)
    expect(inbox.message("Patience")).to_have_count(1)
    assert inbox.was_never_reloaded()


def _wake(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:  # it was taken for dead meanwhile, and replaced
        return


# Any: a page of playwright, and JSON.
def _frames(page: Any) -> list[dict[str, Any]]:
    """What comes over the websockets that the page opens from now on."""
    frames: list[dict[str, Any]] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: frames.append(json.loads(text)))

    page.on("websocket", listen)
    return frames
