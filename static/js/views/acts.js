// What can be done to one message: answer it, react to it. Beside the bubble on hover and focus; on a
// screen that is touched, after a long press.

import { byId, icon, make } from "../lib/dom.js";

const HOLD_MS = 450;

/** Put the buttons beside a message, once; `can` is what its channel has. */
export function drawActs(element, message, { can, intentions }) {
  const box = element.parts.acts;
  const gone = Boolean(message.deleted_at) || !message.id;
  const reacts = !gone && can.reactions.length > 0 && message.direction === "inbound";
  const quotes = !gone && can.quotes && (message.direction === "inbound" || message.direction === "outbound") && Boolean(message.provider_id);
  const signature = `${message.id}:${reacts}:${quotes}`;
  box.hidden = !reacts && !quotes;
  element.act = message;
  if (box.drawn === signature) return;
  box.drawn = signature;
  const react = make("button", { class: "act", type: "button", "aria-haspopup": "true", title: "React", onclick: () => intentions.pick(element.act, react) }, ...pictured("☺", "React"));
  const reply = make("button", { class: "act", type: "button", "aria-label": "Reply to this", title: "Reply", onclick: () => intentions.quote(element.act) }, icon("reply"));
  box.replaceChildren(...(reacts ? [react] : []), ...(quotes ? [reply] : []));
  hold(element);
}

/** A picture for the eye, and words for the ear. */
const pictured = (picture, words) => [make("span", { "aria-hidden": "true" }, picture), make("span", { class: "visually-hidden" }, words)];

/** A long press shows the buttons; the next touch elsewhere takes them away. */
function hold(element) {
  if (element.holds) return;
  element.holds = true;
  let timer = 0;
  const end = () => clearTimeout(timer);
  element.addEventListener(
    "touchstart",
    () => {
      for (const other of document.querySelectorAll(".message--held")) if (other !== element) other.classList.remove("message--held");
      timer = setTimeout(() => element.classList.add("message--held"), HOLD_MS);
    },
    { passive: true },
  );
  for (const type of ["touchend", "touchmove", "touchcancel"]) element.addEventListener(type, end, { passive: true });
}

export class ReactionPicker {
  /** intentions: `react(message, emoji or null)` */
  constructor(intentions) {
    this.intentions = intentions;
    this.box = byId("reactions");
    this.box.addEventListener("keydown", (event) => this.step(event));
    byId("thread-scroll").addEventListener("scroll", () => this.close(), { passive: true });
  }

  open(message, anchor, emojis) {
    const ours = message.reactions?.find(({ by }) => by === "us")?.emoji;
    const shown = ours && !emojis.includes(ours) ? [...emojis, ours] : emojis;
    this.box.replaceChildren(
      ...shown.map((emoji) => {
        const chosen = emoji === ours;
        const run = () => {
          this.close();
          this.intentions.react(message, chosen ? null : emoji);
          anchor.focus();
        };
        const words = chosen ? `Take ${emoji} back` : `React with ${emoji}`;
        return make("button", { class: "reactions__emoji", type: "button", "aria-pressed": String(chosen), onclick: run }, ...pictured(emoji, words));
      }),
    );
    this.box.showPopover();
    this.place(anchor);
    this.box.querySelector("[aria-pressed=true], button")?.focus();
  }

  /** Above the button, or below it where there is no room; never outside the page. */
  place(anchor) {
    const at = anchor.getBoundingClientRect();
    const { width, height } = this.box.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - width / 2), innerWidth - width - 8);
    this.box.style.left = `${left}px`;
    this.box.style.top = `${at.top - height - 6 > 8 ? at.top - height - 6 : at.bottom + 6}px`;
  }

  step(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const buttons = [...this.box.querySelectorAll("button")];
    buttons[buttons.indexOf(document.activeElement) + by]?.focus();
    event.preventDefault();
  }

  close() {
    if (this.box.matches(":popover-open")) this.box.hidePopover();
  }
}
