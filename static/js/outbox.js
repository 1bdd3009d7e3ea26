// What was written and is not yet known to be taken: sent in order, kept over a reload, tried again
// with the same `client_id` when the line is back, so that nothing is sent twice.

import { api, Problem, Unreachable } from "./api.js";
import { keep, recall } from "./lib/storage.js";
import { now } from "./lib/time.js";

const AGAIN_MS = 15_000;

export class Outbox {
  /**
   * onTaken(message)            the server has it
   * onRefused(entry, problem)   it will not be sent; the words are given back
   * onChange()
   */
  constructor(agent, handlers) {
    this.key = `assent.outbox.${agent.id}`;
    this.agent = agent;
    this.handlers = handlers;
    // Previews are addresses of this page's memory: they do not survive it.
    const stored = (recall(this.key) ?? []).map((entry) => ({ ...entry, state: "waiting" }));
    this.entries = stored.map((entry) => ({ ...entry, files: entry.files.map(({ preview, ...file }) => file) }));
    this.busy = new Set();
    setInterval(() => this.live && this.sendWaiting(), AGAIN_MS);
  }

  /**
   * Take a message to be sent. `body` is what the API wants but for the `client_id`; `shown` how it
   * looks until the server's copy comes, where that is more than its text.
   */
  add(conversation, body, files, shown = null) {
    const entry = {
      conversation_id: conversation,
      body: { ...body, client_id: crypto.randomUUID() },
      files,
      shown,
      state: "sending",
      at: new Date(now()).toISOString(),
    };
    this.entries.push(entry);
    this.store();
    this.pump(conversation);
  }

  /** The outbox of one conversation, as messages that a thread can draw. */
  pending(conversation) {
    return this.entries.filter((entry) => entry.conversation_id === conversation).map((entry) => entry.drawn ?? this.draw(entry));
  }

  draw(entry) {
    entry.drawn = {
      id: null,
      client_id: entry.body.client_id,
      conversation_id: entry.conversation_id,
      direction: entry.body.note ? "note" : "outbound",
      type: "text",
      text: entry.body.text ?? "",
      attachments: entry.files,
      status: "queued",
      status_at: {},
      author: { type: "agent", id: this.agent.id, name: this.agent.name },
      sent_at: entry.at,
      reply_to: entry.body.reply_to ?? null,
      local: entry.state,
      problem: entry.problem ?? null,
      ...entry.shown,
    };
    return entry.drawn;
  }

  move(entry, state, problem = null) {
    entry.state = state;
    entry.problem = problem;
    entry.drawn = null;
    this.store();
  }

  async pump(conversation) {
    if (this.busy.has(conversation)) return;
    this.busy.add(conversation);
    try {
      let entry = this.head(conversation);
      // In order, one after the other: the second of two thoughts must not arrive first.
      while (entry && (await this.post(entry))) entry = this.head(conversation);
    } finally {
      this.busy.delete(conversation);
    }
  }

  head(conversation) {
    return this.entries.find((entry) => entry.conversation_id === conversation && entry.state !== "refused");
  }

  async post(entry) {
    this.move(entry, "sending");
    try {
      const message = await api.send(entry.conversation_id, entry.body);
      this.settle(entry.body.client_id);
      this.handlers.onTaken(message);
      return true;
    } catch (error) {
      if (!this.entries.includes(entry)) return true;
      if (error instanceof Unreachable) {
        this.move(entry, "waiting");
        return false;
      }
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401) this.move(entry, "waiting");
      else if (error.code === "newer_messages") this.settle(entry.body.client_id);
      else this.move(entry, "refused", error.sentence);
      if (error.status !== 401) this.handlers.onRefused(entry, error);
      return error.status !== 401;
    }
  }

  /** The message has come, by answer or by event: the page's own copy is no longer needed. */
  settle(clientId) {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.body.client_id !== clientId);
    if (this.entries.length !== before) this.store();
  }

  setLive(live) {
    const back = live && !this.live;
    this.live = live;
    if (back) this.sendWaiting();
  }

  sendWaiting() {
    const waiting = this.entries.filter((entry) => entry.state === "waiting");
    for (const conversation of new Set(waiting.map((entry) => entry.conversation_id))) this.pump(conversation);
  }

  store() {
    const entries = this.entries.filter((entry) => entry.state !== "refused").map(({ drawn, ...entry }) => entry);
    keep(this.key, entries.length ? entries : null);
    this.handlers.onChange();
  }
}
