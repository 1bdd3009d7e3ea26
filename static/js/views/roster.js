// The list of conversations. A row keeps its place while one is in it, and slides when one has left.

import { byId, calm, icon, make, piece, reconcile, setIcon, setMark, setText, setTime } from "../lib/dom.js";
import { firstName, plainName } from "../lib/text.js";
import { brief, exact, now, span } from "../lib/time.js";
import { summary } from "../lib/words.js";
import { setFace } from "./face.js";
import { subjectWords } from "./mail.js";

const WINDOW_SHORT_MS = 2 * 3_600_000;
const KIND_NAMES = { whatsapp: "WhatsApp", sms: "SMS", messenger: "Messenger", instagram: "Instagram", gmail: "Mail" };

export class Roster {
  /** intentions: `open(id)`, `filter({status?, kind?})`, `more()` */
  constructor(intentions) {
    this.intentions = intentions;
    this.list = byId("roster-list");
    this.scroll = byId("roster-scroll");
    this.more = byId("roster-more");
    this.empty = byId("roster-empty");
    this.kind = byId("roster-kind");
    this.tabs = document.querySelectorAll("[data-status]");
    this.held = null;
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => intentions.filter({ status: tab.dataset.status }));
    }
    this.kind.addEventListener("change", () => intentions.filter({ kind: this.kind.value }));
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-id]");
      if (!row || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      intentions.open(row.dataset.id);
    });
    new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && intentions.more(), {
      root: this.scroll,
      rootMargin: "400px",
    }).observe(this.more);
  }

  draw(state) {
    this.hold(state);
    const rows = this.ordered(state);
    this.ids = rows.map((conversation) => conversation.id);
    const slide = this.before(state);
    this.pictures = known(state);
    reconcile(this.list, rows, {
      key: (conversation) => conversation.id,
      create: (conversation) => this.row(conversation),
      update: (element, conversation) => this.drawRow(element, conversation, state),
    });
    slide();
    this.drawTabs(state);
    this.drawRest(state, rows);
  }

  /** Where the row that one is in sorts: as it did when one went in, until one leaves it. */
  hold(state) {
    if (this.held?.id === state.selected) return;
    const conversation = state.conversations.get(state.selected);
    const shown = this.ids?.includes(state.selected);
    this.left = this.held?.id ?? null;
    this.held = conversation
      ? { id: conversation.id, at: conversation.last_activity_at, in: shown ? state.listKey() : null }
      : null;
  }

  ordered(state) {
    const held = this.held?.in === state.listKey() ? this.held.id : null;
    const rows = state.listed(held);
    if (!this.held) return rows;
    const at = (c) => (c.id === this.held.id ? this.held.at : c.last_activity_at);
    return rows.sort((a, b) => (at(a) < at(b) ? 1 : at(a) > at(b) ? -1 : 0));
  }

  /** Remember where the row just left stands, to let it slide from there. */
  before(state) {
    const element = this.left && this.list.kept?.get(this.left);
    if (!element || calm()) return () => {};
    const top = element.offsetTop;
    this.left = null;
    return () => {
      if (!element.isConnected || element.offsetTop === top) return;
      const from = Math.max(-240, Math.min(240, top - element.offsetTop));
      element.animate([{ transform: `translateY(${from}px)` }, { transform: "none" }], {
        duration: 160,
        easing: "ease-out",
      });
    };
  }

  row(conversation) {
    const { root, parts } = piece("row");
    root.parts = parts;
    root.dataset.id = conversation.id;
    parts.link.href = `/app/c/${conversation.id}`;
    return root;
  }

  drawRow(element, conversation, state) {
    const { parts } = element;
    const chosen = conversation.id === state.selected;
    element.classList.toggle("row--chosen", chosen);
    if (chosen) parts.link.setAttribute("aria-current", "true");
    else parts.link.removeAttribute("aria-current");
    // Relative times go on although nothing happened, so they are drawn each time.
    const at = conversation.last_message?.at ?? conversation.last_activity_at;
    setTime(parts.time, at, brief(at), exact(at));
    this.drawClock(parts, conversation);
    const { id, picture, name: called } = conversation.contact;
    setFace(parts.face, called, picture ?? this.pictures.get(id));
    if (element.drawn === conversation) return;
    element.drawn = conversation;
    const name = plainName(conversation.contact.name);
    setText(parts.name, name);
    if (element.kind !== conversation.channel.kind) {
      element.kind = conversation.channel.kind;
      setMark(parts.mark, element.kind);
      parts.mark.parentElement.title = `${KIND_NAMES[element.kind] ?? element.kind} · ${conversation.channel.name}`;
    }
    drawPreview(parts.text, conversation, state.me);
    const { subject } = conversation;
    if (subject !== null && subject !== undefined) parts.text.prepend(`${subjectWords(subject)} · `);
    element.classList.toggle("row--unread", conversation.unread > 0);
    parts.unread.hidden = conversation.unread === 0;
    setText(parts["unread-text"], conversation.unread > 99 ? "99+" : String(conversation.unread));
  }

  /** One clock at most: the window that is about to close, else how long somebody has waited. */
  drawClock(parts, { status, window_closes_at: closes, waiting_since: since }) {
    const left = closes ? Date.parse(closes) - now() : Infinity;
    const closing = status !== "resolved" && left > 0 && left < WINDOW_SHORT_MS;
    const waited = since ? now() - Date.parse(since) : 0;
    const waiting = !closing && status !== "resolved" && waited >= 60_000;
    parts.clock.hidden = !closing && !waiting;
    parts.clock.classList.toggle("row__clock--closing", closing);
    if (closing) {
      setText(parts["clock-text"], span(left));
      parts.clock.title = `The window for free replies closes in ${span(left)}`;
    } else if (waiting) {
      // Who waits since the time above is not told it twice.
      const known = span(waited) === parts.time.textContent;
      setText(parts["clock-text"], known ? "" : span(waited));
      parts.clock.title = `Waiting for an answer for ${span(waited)}`;
    }
    setIcon(parts.clock, closing ? "hourglass" : "clock");
  }

  drawTabs(state) {
    for (const tab of this.tabs) {
      tab.setAttribute("aria-pressed", String(tab.dataset.status === state.filter.status));
    }
    const kinds = [...new Set([...state.channels.values()].map((channel) => channel.kind))].sort();
    if (this.kind.options.length !== kinds.length + 1) {
      const options = kinds.map((kind) => make("option", { value: kind }, KIND_NAMES[kind] ?? kind));
      this.kind.replaceChildren(this.kind.options[0], ...options);
    }
    this.kind.parentElement.hidden = kinds.length < 2;
    if (this.kind.value !== state.filter.kind) this.kind.value = state.filter.kind;
  }

  drawRest(state, rows) {
    const list = state.lists.get(state.listKey());
    this.more.hidden = !list || !list.has_more;
    setText(this.more, this.more.hidden ? "" : "Loading more…");
    const { scrollHeight, scrollTop, clientHeight } = this.scroll;
    // A list too short to scroll is not seen coming into view.
    if (!this.more.hidden && scrollHeight - scrollTop - clientHeight < 300) this.intentions.more();
    const words = rows.length > 0 ? null : emptyWords(state, list);
    this.empty.hidden = !words;
    if (!words || this.empty.dataset.words === words.title) return;
    this.empty.dataset.words = words.title;
    this.empty.replaceChildren(
      icon(words.icon),
      make("p", { class: "empty__title" }, words.title),
      ...(words.text ? [make("p", {}, words.text)] : []),
      ...(words.action
        ? [make("button", { class: "link", type: "button", onclick: () => this.intentions.filter(words.action) }, words.label)]
        : []),
      ...(words.href ? [make("p", { class: "empty__act" }, make("a", { class: "button button--primary", href: words.href }, words.label))] : []),
    );
  }

  /** The id of the row next to the chosen one; the first where none is chosen. */
  neighbour(state, step) {
    const ids = this.ids ?? [];
    const at = ids.indexOf(state.selected);
    if (at < 0) return ids[0] ?? null;
    return ids[at + step] ?? null;
  }

  reveal(id) {
    this.list.kept?.get(id)?.scrollIntoView({ block: "nearest" });
  }
}

/** The picture of who has one on any channel: a person looks the same on all of them. */
function known(state) {
  const seen = [...state.conversations.values()].filter(({ contact }) => contact.picture);
  return new Map(seen.map(({ contact }) => [contact.id, contact.picture]));
}

function drawPreview(element, { last_message: message, contact }, me) {
  if (!message) {
    setText(element, "No messages yet");
    return;
  }
  const words = summary(message, contact.name);
  const gone = Boolean(message.deleted_at);
  const author = message.author_name === me.name ? "You" : firstName(message.author_name ?? "");
  const mine = gone ? "" : message.direction === "note" ? "Note: " : message.direction === "outbound" && author ? `${author}: ` : "";
  const failed = !gone && (message.status === "failed" || message.status === "unknown");
  element.classList.toggle("row__text--gone", gone);
  element.classList.toggle("row__text--failed", failed);
  setText(element, failed ? `${message.status === "failed" ? "Not sent: " : "Not certain: "}${words}` : mine + words);
}

/** Of a workspace that nobody can write to yet: who may change that has a way to it. */
function unconnectedWords() {
  const may = document.getElementById("rail-channels") !== null;
  return {
    icon: "plug",
    title: "No channel is connected yet",
    text: may ? "Connect one, and what customers write there comes in here." : "Ask an admin of this workspace to connect one. What customers write then comes in here.",
    ...(may && { href: "/settings/channels/new", label: "Connect the first channel" }),
  };
}

function emptyWords(state, list) {
  if (!list) return { icon: "inbox", title: "Loading…" };
  if (state.channels.size === 0) return unconnectedWords();
  const kind = KIND_NAMES[state.filter.kind];
  if (kind) {
    return {
      icon: "inbox",
      title: `Nothing ${state.filter.status === "resolved" ? "resolved" : "open"} on ${kind}`,
      action: { kind: "" },
      label: "Show all channels",
    };
  }
  if (state.filter.status === "resolved") {
    return {
      icon: "check",
      title: "Nothing resolved yet",
      text: "Conversations you resolve are kept here.",
      action: { status: "open" },
      label: "See open",
    };
  }
  return {
    icon: "inbox",
    title: "Nothing open. Nice.",
    text: "New conversations appear here as customers write.",
    action: { status: "resolved" },
    label: "See resolved",
  };
}
