// Whom a mail goes to, and its subject: one quiet line, and fields once they are asked for.

import { byId, icon, make, setText } from "../lib/dom.js";
import { plainName } from "../lib/text.js";

const FIELDS = [["to", "To"], ["cc", "Cc"], ["bcc", "Bcc"]];
const ADDRESS = /^[^\s@<>,;:"()[\]\\]{1,64}@[^\s@<>,;:"()[\]\\]{1,190}$/u;
const SHOWN = 3;

export class Recipients {
  /** onChange(): what is written here may make sending possible or impossible */
  constructor(onChange) {
    this.root = byId("composer-mail");
    this.line = byId("composer-mail-line");
    this.open = byId("composer-mail-open");
    this.fields = byId("composer-mail-fields");
    this.subject = byId("composer-subject");
    this.edited = new Map();
    this.defaults = new Map();
    this.onChange = onChange;
    this.boxes = new Map(FIELDS.map(([key, label]) => [key, this.makeField(key, label)]));
    this.fields.prepend(...[...this.boxes.values()].map(({ row }) => row));
    this.open.addEventListener("click", () => this.toggle());
    this.subject.addEventListener("input", () => this.change({ subject: this.subject.value }));
    this.fields.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      // One step back: what is written stays, the composer and the conversation too.
      event.preventDefault();
      this.fold(true);
      this.open.focus();
    });
  }

  makeField(key, label) {
    const list = make("ul", { class: "chips__list", "aria-label": label });
    const input = make("input", { class: "chips__input", type: "email", autocomplete: "off", "aria-label": `Add to ${label}`, spellcheck: "false" });
    const take = () => {
      const typed = input.value.split(/[\s,;]+/u).filter(Boolean);
      if (!typed.length) return;
      input.value = "";
      const known = new Set(this.current[key]);
      this.change({ [key]: [...this.current[key], ...typed.map((one) => one.toLowerCase()).filter((one) => !known.has(one))] });
    };
    input.addEventListener("keydown", (event) => {
      if ([",", ";", " ", "Enter"].includes(event.key) && input.value.trim()) {
        event.preventDefault();
        take();
      } else if (event.key === "Enter") event.preventDefault();
      else if (event.key === "Backspace" && !input.value && this.current[key].length) {
        this.change({ [key]: this.current[key].slice(0, -1) });
      }
    });
    input.addEventListener("blur", take);
    const row = make("div", { class: "chips" }, make("span", { class: "chips__label", "aria-hidden": "true" }, label), list, input);
    return { row, list, input };
  }

  /** defaults: `{ to, cc, subject }` as the gate tells them, null where there is none; `shown`: a mail is being written */
  draw(conversation, defaults, shown) {
    if (this.conversation !== conversation) this.fold(true);
    this.conversation = conversation;
    if (defaults) this.defaults.set(conversation, defaults);
    const known = this.defaults.get(conversation);
    this.root.hidden = !shown || !known;
    if (this.root.hidden) return;
    const { to, cc, bcc, subject } = this.current;
    const words = [`To ${few(to)}`, cc.length ? `Cc ${few(cc)}` : "", bcc.length ? `Bcc ${few(bcc)}` : "", subject || "(no subject)"];
    setText(this.line, words.filter(Boolean).join(" · "));
    this.line.title = [...to, ...cc, ...bcc].join(", ");
    for (const [key, { list }] of this.boxes) this.drawChips(key, list);
    if (document.activeElement !== this.subject) this.subject.value = subject;
  }

  drawChips(key, list) {
    const addresses = this.current[key];
    if (list.dataset.drawn === addresses.join(" ")) return;
    list.dataset.drawn = addresses.join(" ");
    const chip = (address) => {
      const drop = () => {
        this.change({ [key]: this.current[key].filter((one) => one !== address) });
        this.boxes.get(key).input.focus();
      };
      const remove = make("button", { class: "chip__remove", type: "button", "aria-label": `Remove ${address}`, onclick: drop }, icon("x"));
      return make("li", { class: ADDRESS.test(address) ? "chip" : "chip chip--wrong" }, make("span", { class: "chip__text" }, plainName(address)), remove);
    };
    list.replaceChildren(...addresses.map(chip));
  }

  get current() {
    const defaults = this.defaults.get(this.conversation) ?? { to: [], cc: [], subject: "" };
    return { bcc: [], ...defaults, ...this.edited.get(this.conversation) };
  }

  change(what) {
    this.edited.set(this.conversation, { ...this.edited.get(this.conversation), ...what });
    this.draw(this.conversation, null, true);
    this.onChange();
  }

  toggle() {
    this.fold(!this.fields.hidden);
    if (!this.fields.hidden) this.boxes.get("to").input.focus();
  }

  fold(folded) {
    this.fields.hidden = folded;
    this.open.setAttribute("aria-expanded", String(!folded));
    setText(this.open, folded ? "Change" : "Done");
  }

  /** Why it cannot be sent so; null where it can. */
  problem() {
    const { to, cc, bcc } = this.current;
    if (to.length === 0) return "Add somebody to To.";
    const wrong = [...to, ...cc, ...bcc].find((address) => !ADDRESS.test(address));
    return wrong ? `${plainName(wrong)} is not a mail address.` : null;
  }

  /** What was chosen, for the API; the rest goes as it goes by itself. Afterwards nothing is chosen. */
  take() {
    const chosen = this.edited.get(this.conversation) ?? {};
    this.edited.delete(this.conversation);
    this.fold(true);
    return chosen;
  }

  /** Give back what was chosen for a mail that was not sent. */
  giveBack(conversation, { to, cc, bcc, subject }) {
    const given = Object.entries({ to, cc, bcc, subject }).filter(([, value]) => value !== undefined);
    if (given.length) this.edited.set(conversation, { ...Object.fromEntries(given), ...this.edited.get(conversation) });
  }
}

const few = (addresses) =>
  addresses.length > SHOWN ? `${addresses.slice(0, SHOWN).join(", ")} and ${addresses.length - SHOWN} more` : addresses.join(", ");
