// The thread: days, groups, the "New" line, the pill, and knowing what has been seen.

import { byId, make, reconcile, setText } from "../lib/dom.js";
import { Scroller } from "../lib/scroll.js";
import { dayKey, dayName, exact, period } from "../lib/time.js";
import { createMessage, drawMessage } from "./message.js";

const GROUP_MS = 5 * 60_000;
const FOLD_FROM = 3;

export class Thread {
  /**
   * intentions: `older()`, `seen(conversation, message)`, `retry(message)`, `markSent(message)`,
   * `dismiss(client_id)`, `discard(client_id)`, `enlarge(picture)`, `attach(files)`, `pick(message, button)`,
   * `quote(message)`
   */
  constructor(intentions) {
    this.intentions = intentions;
    this.root = byId("thread");
    this.box = byId("thread-scroll");
    this.list = byId("thread-list");
    this.older = byId("thread-older");
    this.pill = byId("thread-pill");
    this.unfolded = new Set();
    this.scroller = new Scroller(this.box, this.list);
    this.box.addEventListener("scroll", () => this.look(), { passive: true });
    addEventListener("focus", () => this.look());
    document.addEventListener("visibilitychange", () => this.look());
    this.pill.addEventListener("click", () => this.toEnd());
    new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && intentions.older(), {
      root: this.box,
      rootMargin: "600px 0px 0px 0px",
    }).observe(this.older);
    this.takeDrops();
  }

  /** pending: messages of the outbox, in the shape of a message with `local` */
  draw(state, pending) {
    const conversation = state.conversations.get(state.selected);
    const thread = conversation && state.thread(conversation.id);
    const opened = this.opened !== state.selected || (thread && !this.filled);
    if (this.opened !== state.selected) this.leave(state.selected);
    if (!conversation) return;
    this.older.hidden = !thread?.has_more;
    setText(this.older, thread ? "Earlier messages…" : "");
    this.box.setAttribute("aria-busy", String(!thread));
    this.messages = thread ? thread.sorted : [];
    if (opened && thread) this.begin(conversation);
    const items = this.items(this.messages, pending, state);
    const own = pending.at(-1)?.client_id;
    const wrote = own && own !== this.lastOwn && pending.at(-1).local === "sending";
    this.lastOwn = own;
    const context = this.context(conversation, state.me, state.channels.get(conversation.channel.id));
    const drawing = () =>
      reconcile(this.list, items, {
        key: (item) => item.key,
        create: (item) => (item.message ? createMessage() : make("li", { class: item.kind })),
        update: (element, item) => (item.message ? drawMessage(element, item, context) : this.drawLine(element, item)),
      });
    if (opened && thread) {
      drawing();
      this.open();
    } else {
      this.scroller.keep(drawing);
      if (wrote) this.scroller.toEnd();
    }
    this.drawPill();
    this.look();
    // A page too short to scroll is not seen coming into view.
    if (thread?.has_more && this.box.scrollTop < 400) this.intentions.older();
  }

  leave(id) {
    this.opened = id;
    this.filled = false;
    this.newFrom = null;
    this.seen = null;
    this.messages = [];
    this.list.kept = undefined;
    this.list.replaceChildren();
    this.pill.hidden = true;
    this.unfolded.clear();
  }

  /** Remember where the unread begins as it was when one came: the line stays while one reads. */
  begin(conversation) {
    this.filled = true;
    const read = conversation.read?.inbound_seq ?? 0;
    const first = this.messages.find((m) => m.direction === "inbound" && m.inbound_seq > read);
    // A first message ever is not "new since"; nothing stands before the line then.
    this.newFrom = first && first !== this.messages[0] ? first.id : null;
    this.openAt = first?.id ?? null;
  }

  open() {
    const line = this.newFrom ? this.list.kept.get("new") : null;
    this.scroller.gliding = false;
    this.scroller.toEnd();
    if (!line) return;
    const offset = line.getBoundingClientRect().top - this.box.getBoundingClientRect().top;
    if (offset < 0) this.scroller.toElement(line, 0.1);
  }

  context(conversation, me, channel) {
    return {
      can: { reactions: channel?.reactions ?? [], quotes: Boolean(channel?.quotes) },
      name: conversation.contact.name,
      contact: conversation.contact.id,
      handle: conversation.contact.handle,
      me,
      quoted: (id) => this.messages.find((message) => message.id === id) ?? null,
      intentions: { ...this.intentions, jump: (id) => this.jump(id), unfold: (change) => this.scroller.unfold(change) },
    };
  }

  items(messages, pending, { me, channels, conversations, selected }) {
    const channel = channels.get(conversations.get(selected)?.channel.id);
    const gaps = between(channel?.gaps ?? [], messages);
    const items = [];
    const all = [...messages, ...pending];
    let day = null;
    let previous = null;
    for (const message of all) {
      for (const gap of gaps.get(message.id) ?? []) {
        items.push({ key: `g:${gap.from}`, kind: "gap", gap, label: channel.label });
        previous = null;
      }
      const today = dayKey(message.sent_at);
      // Messages told of late may belong to another day than their neighbours; a day is named once.
      if (today !== day && (day === null || today > day)) {
        items.push({ key: `d:${today}`, kind: "day", at: message.sent_at });
        previous = null;
        day = today;
      }
      if (message.id && message.id === this.newFrom) {
        items.push({ key: "new", kind: "new" });
        previous = null;
      }
      if (message.direction === "activity") {
        this.pushActivity(items, message);
        previous = null;
        continue;
      }
      const joined = previous && together(previous.message, message, me);
      if (joined) previous.last = false;
      previous = { key: keyOf(message), message, first: !joined, last: true };
      items.push(previous);
    }
    return items;
  }

  pushActivity(items, message) {
    const before = items.at(-1);
    if (before?.kind === "activity") before.run.push(message);
    else items.push({ key: `a:${message.id}`, kind: "activity", run: [message] });
  }

  drawLine(element, item) {
    if (item.kind === "day") {
      if (element.textContent !== dayName(item.at)) {
        element.replaceChildren(make("time", { datetime: item.at, title: exact(item.at) }, dayName(item.at)));
      }
    } else if (item.kind === "new") setText(element, "New");
    else if (item.kind === "gap") setText(element, gapWords(item));
    else this.drawActivities(element, item);
  }

  drawActivities(element, { key, run }) {
    const folded = run.length >= FOLD_FROM && !this.unfolded.has(key);
    const signature = `${folded}:${run.length}:${run.at(-1).id}`;
    if (element.drawn === signature) return;
    element.drawn = signature;
    const line = (message) => make("span", { class: "activity__line", title: exact(message.sent_at), dir: "auto" }, message.text);
    const unfold = () => {
      this.unfolded.add(key);
      element.drawn = null;
      this.scroller.keep(() => this.drawActivities(element, { key, run }));
    };
    if (!folded) element.replaceChildren(...run.map(line));
    else element.replaceChildren(line(run.at(-1)), make("button", { class: "link", type: "button", onclick: unfold }, `${run.length - 1} more`));
  }

  /** What has been on the screen, while somebody could see it. */
  look() {
    if (!this.filled || this.messages.length === 0) return;
    const bottom = this.box.getBoundingClientRect().bottom;
    let at = this.messages.length - 1;
    while (at >= 0) {
      const element = this.list.kept.get(keyOf(this.messages[at]));
      if (element && element.getBoundingClientRect().top < bottom - 12) break;
      at -= 1;
    }
    this.at = at;
    this.drawPill();
    if (at < 0 || document.hidden || !document.hasFocus()) return;
    const message = this.messages[at];
    // Scrolling back makes nothing unseen.
    if (this.seenAt() >= at) return;
    this.seen = message.id;
    this.intentions.seen(this.opened, message);
  }

  seenAt() {
    return this.seen ? this.messages.findIndex((message) => message.id === this.seen) : -1;
  }

  drawPill() {
    const seen = Math.max(this.at ?? -1, this.seenAt());
    const below = this.messages.slice(seen + 1).filter((m) => m.direction === "inbound").length;
    const far = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight > this.box.clientHeight;
    const shown = this.filled && !this.scroller.atEnd() && (below > 0 || far);
    this.pill.hidden = !shown;
    if (!shown) return;
    setText(byId("thread-pill-text"), below > 0 ? `${below} new` : "");
    this.pill.setAttribute("aria-label", below > 0 ? `${below} new, go to the end` : "Go to the end");
  }

  toEnd() {
    this.scroller.toEnd({ smooth: !matchMedia("(prefers-reduced-motion: reduce)").matches });
  }

  /** Show a message and flash it. False when it is not loaded. */
  jump(id) {
    const element = document.getElementById(`m-${id}`);
    if (!element) return false;
    this.scroller.toElement(element);
    element.classList.add("message--flash");
    setTimeout(() => element.classList.remove("message--flash"), 1_200);
    return true;
  }

  takeDrops() {
    const target = this.root.parentElement;
    const drop = byId("thread-drop");
    let depth = 0;
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    target.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      depth += 1;
      drop.hidden = false;
    });
    target.addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      drop.hidden = depth === 0;
    });
    target.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    target.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      drop.hidden = true;
      this.intentions.attach([...event.dataTransfer.files]);
    });
  }
}

// One's own message keeps its element when the server's copy takes the place of the page's.
const keyOf = (message) => (message.client_id ? `c:${message.client_id}` : `m:${message.id}`);

/** Which times without a connection lie between two of these messages: by the id of the second. */
function between(gaps, messages) {
  const found = new Map();
  for (const gap of gaps) {
    const from = Date.parse(gap.from);
    const after = messages.findIndex((message) => Date.parse(message.sent_at) >= from);
    if (after < 1) continue;
    const { id } = messages[after];
    found.set(id, [...(found.get(id) ?? []), gap]);
  }
  return found;
}

const gapWords = ({ gap, label }) =>
  `Not connected from ${period(gap.from, gap.to)}. ${label} repeats what it could not deliver; what it gave up is not here.`;

/** What was written elsewhere has no name, and stands with one's own; a colleague's stands apart. */
function sameSide(before, after, me) {
  const named = (author) => (author?.id === me.id ? null : (author?.id ?? null));
  return before?.type === after?.type && named(before) === named(after);
}

function together(before, after, me) {
  if (before.direction !== after.direction || after.direction === "note") return false;
  if (!sameSide(before.author, after.author, me)) return false;
  // That it came late is told once for all of those that stand together.
  if (Boolean(before.content?.recovered) !== Boolean(after.content?.recovered)) return false;
  const apart = Date.parse(after.sent_at) - Date.parse(before.sent_at);
  const plain = (message) => message.status !== "failed" && message.status !== "unknown" && !message.local?.match(/refused|waiting/u);
  return Math.abs(apart) < GROUP_MS && plain(before);
}
