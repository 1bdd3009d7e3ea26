// The gate bar: the server's answer to "may we write?", worded, with the why one click away.
// It decides nothing; where there is no answer, the answer is no.

import { byId, icon, make } from "../lib/dom.js";
import { count, firstName, plainName, sentence } from "../lib/text.js";
import { clock, moment, now, onDay, span } from "../lib/time.js";
import { evidence } from "./evidence.js";

const LAST_HOUR_MS = 3_600_000;

/**
 * What the bar says: `{ tone, icon, text, open, queued, next, actions }`.
 *
 * open   a reply may be written now
 * next   milliseconds until the words change by themselves
 * newer  how many messages of the contact a send was refused for; they are to be read first
 */
export function wording({ gate, conversation, channel, newer = 0, failed = false }) {
  if (!gate) {
    return failed
      ? { tone: "warn", icon: "triangle-alert", text: "We could not check whether you may write.", open: false, actions: ["check"] }
      : { tone: "quiet", icon: "clock", text: "Checking whether you may write…", open: false, waiting: true };
  }
  const { reply } = gate.decisions;
  if (!reply.allow) return refused(gate, reply, conversation, channel);
  if (newer > 0) {
    const text = `${sentence(count(newer, "new message", "new messages"))}.`;
    return { tone: "warn", icon: "info", text, open: true, hold: true, actions: ["read"] };
  }
  const { state, trouble } = gate.channel ?? {};
  if (state === "disconnected") {
    const label = channel?.label ?? "This channel";
    return { tone: "stop", icon: "ban", text: `${label} is disconnected here: nothing can be sent. ${trouble ?? ""}`, open: false };
  }
  if (state && state !== "connected") {
    const label = channel?.label ?? "This channel";
    const why = trouble ? ` ${trouble}` : "";
    return { tone: "warn", icon: "clock", text: `${label} does not take messages now; yours wait until it does.${why}`, open: true, queued: true };
  }
  const words = reply.code === "ALLOW_HUMAN_AGENT" ? onlyPeople(gate) : running(gate, channel);
  return trouble && !words.waiting ? { ...words, tone: "warn", icon: "triangle-alert", text: `${trouble} ${words.text}` } : words;
}

/** After the window a person may still answer, for some days. */
function onlyPeople({ window }) {
  const until = window.person_until ? Date.parse(window.person_until) : null;
  const text = `After ${window.hours} hours: only a person may answer${until ? `, until ${moment(new Date(until).toISOString())}` : ""}`;
  return { tone: "warn", icon: "clock", text, open: true, ranOut: until !== null && until <= now(), next: 60_000 };
}

function running(gate, channel) {
  const closes = gate.window.closes_at;
  if (!gate.window.hours || !closes) {
    const label = channel?.label ?? "This channel";
    return { tone: "ok", icon: "check", text: `You may reply. ${label} has no time limit.`, open: true };
  }
  const left = Date.parse(closes) - now();
  if (left <= 0) return { tone: "quiet", icon: "clock", text: "Checking whether you may write…", open: false, waiting: true, ranOut: true };
  if (left > LAST_HOUR_MS) {
    return { tone: "ok", icon: "hourglass", text: `Free reply until ${moment(closes)}`, open: true, next: Math.min(left - LAST_HOUR_MS, 60_000) };
  }
  const precise = left < 120_000;
  const amount = precise ? span(left) : `${Math.floor(left / 60_000)} minutes`;
  return { tone: "warn", icon: "hourglass", text: `Free reply for ${amount} more, until ${clock(closes)}`, open: true, next: precise ? 1_000 : 5_000 };
}

function refused(gate, decision, conversation, channel) {
  const name = conversation ? firstName(conversation.contact.name) : "They";
  const closes = gate.window.closes_at;
  const label = channel?.label ?? "The channel";
  const text =
    decision.code === "DENY_WINDOW_CLOSED" && closes
      ? `Closed since ${moment(closes)}. ${label} allows free replies for ${gate.window.hours} hours after ${name} last wrote.`
      : decision.code === "DENY_OPTED_OUT" && decision.evidence
        ? stopped(decision.evidence, name, channel)
        : named(decision.reason, name);
  const template = Boolean(gate.templates?.utility?.allow);
  const remedy = !template && decision.remedies?.[0] ? ` ${decision.remedies[0].text.replace(/^The contact\b/u, "They")}` : "";
  const shut = decision.code === "DENY_WINDOW_CLOSED";
  return { tone: "stop", icon: shut ? "lock" : "ban", text: text + remedy, open: false, actions: ["evidence", ...(template ? ["template"] : []), "alternatives"] };
}

/** Maya stopped SMS on 21 Nov by writing “STOP”. */
function stopped({ text, at }, name, channel) {
  const said = text ? ` by writing “${cut(text)}”` : "";
  return `${name} stopped ${channel?.label ?? "this channel"} ${onDay(at)}${said}.`;
}

/** Somebody's words within a sentence of ours: nothing in them turns it around or drowns it. */
const cut = (text) => {
  const plain = plainName(text).replace(/\s+/gu, " ");
  return plain.length > 80 ? `${plain.slice(0, 80)}…` : plain;
};

/** The server does not say who; here it is known. */
const named = (text, name) => text.replace(/^They\b/u, name);

export class Gate {
  /** intentions: `recheck()`, `readFirst()`, `template()`, `open(id)`, `showMessage(id)` */
  constructor(intentions) {
    this.intentions = intentions;
    this.bar = byId("gate-bar");
    this.why = byId("gate-why");
    this.root = byId("gate");
    document.addEventListener("click", (event) => {
      if (!this.why.hidden && !this.root.contains(event.target)) this.toggle(false);
    });
  }

  draw(state, { newer, failed }) {
    clearTimeout(this.timer);
    const conversation = state.conversations.get(state.selected);
    if (!conversation) return;
    const gate = state.gates.get(conversation.id) ?? null;
    const channel = state.channels.get(conversation.channel.id);
    const words = wording({ gate, conversation, channel, newer, failed });
    if (this.conversation !== conversation.id) this.toggle(false);
    this.conversation = conversation.id;
    this.drawBar(words, gate);
    if (!this.why.hidden) this.drawWhy(gate, conversation, channel);
    this.ask = () => this.drawWhy(gate, conversation, channel);
    if (words.ranOut) this.intentions.recheck();
    if (words.next) this.timer = setTimeout(() => this.draw(state, { newer, failed }), words.next);
  }

  drawBar(words, gate) {
    // The same words are not written again: a live region would read them out, a button lose its focus.
    const alternatives = words.actions?.includes("alternatives") ? (gate?.alternatives ?? []) : [];
    const proof = words.actions?.includes("evidence") ? (gate?.decisions.reply.evidence?.message_id ?? null) : null;
    const signature = JSON.stringify([words.tone, words.text, words.actions, alternatives, proof]);
    if (this.drawn === signature) return;
    this.drawn = signature;
    this.root.dataset.tone = words.tone;
    const action = (label, onclick) => make("button", { class: "gate__action", type: "button", onclick }, label);
    const buttons = [];
    if (words.actions?.includes("check")) buttons.push(action("Try again", () => this.intentions.recheck()));
    if (words.actions?.includes("read")) buttons.push(action("Read first", () => this.intentions.readFirst()));
    if (proof) buttons.push(action("Show it", () => this.intentions.showMessage(proof)));
    if (words.actions?.includes("template")) buttons.push(action("Use a template", () => this.intentions.template()));
    for (const other of alternatives) {
      buttons.push(action(`Reply on ${other.label}`, () => this.intentions.open(other.conversation_id)));
    }
    const expanded = String(!this.why.hidden);
    const ask = make("button", { class: "gate__ask", type: "button", "aria-expanded": expanded, "aria-controls": "gate-why", onclick: () => this.toggle(this.why.hidden) }, "Why?");
    const text = make("span", { class: "gate__text" }, words.text, ...buttons.flatMap((button) => [" ", button]));
    this.bar.replaceChildren(icon(words.icon), text, ...(gate ? [ask] : []));
  }

  /** Put the reason away; false where it was not shown. */
  close() {
    if (this.why.hidden) return false;
    if (this.root.contains(document.activeElement)) this.bar.querySelector(".gate__ask")?.focus();
    this.toggle(false);
    return true;
  }

  toggle(open) {
    if (open) this.ask?.();
    this.why.hidden = !open;
    this.bar.querySelector(".gate__ask")?.setAttribute("aria-expanded", String(open));
  }

  drawWhy(gate, conversation, channel) {
    if (!gate) return;
    const show = (id) => {
      this.toggle(false);
      this.intentions.showMessage(id);
    };
    this.why.replaceChildren(...explanation(gate.decisions.reply, gate, conversation, channel, show));
  }
}

/** The evidence, the rule and what would help, for a decision on replies. */
function explanation(decision, gate, conversation, channel, show) {
  const line = (term, ...rest) => make("div", { class: "why__line" }, make("dt", {}, term), make("dd", {}, ...rest));
  const lines = [line("Answer", decision.allow ? "A reply may be sent" : "A reply may not be sent"), line("Because", decision.reason)];
  if (decision.evidence) lines.push(line("Evidence", ...evidence(decision.evidence, show)));
  if (gate.window.hours) {
    const closes = gate.window.closes_at;
    const until = !closes
      ? "They never wrote here."
      : `They last wrote ${moment(new Date(Date.parse(closes) - gate.window.hours * 3_600_000).toISOString())}; free replies until ${moment(closes)}.`;
    lines.push(line("Window", `${gate.window.hours} hours after their last message. ${until}`));
  } else lines.push(line("Window", `${channel?.label ?? "This channel"} has none.`));
  if (decision.remedies?.length) {
    lines.push(line("What helps", ...decision.remedies.map((remedy) => make("p", {}, remedy.text))));
  }
  lines.push(line("Rule", make("code", {}, decision.rule), " ", make("code", {}, decision.code)));
  const title = `May we write to ${firstName(conversation.contact.name)} on ${channel?.label ?? conversation.channel.kind}?`;
  return [make("h2", { class: "why__title" }, title), make("dl", { class: "why" }, ...lines)];
}
