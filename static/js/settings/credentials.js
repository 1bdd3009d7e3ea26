// The fields of a channel's credentials: each is tried at the provider as it is entered.

import { api } from "../api.js";
import { icon, setText } from "../lib/dom.js";
import { tell } from "./common.js";

const PAUSE_MS = 600;
const DRAWINGS = { ok: "check", wrong: "octagon-alert" };

export class Credentials {
  /** replacing: secrets that are left empty are kept, and only what differs is sent */
  constructor(form, { channel, kind, problem, replacing = false, checked = () => {} }) {
    this.form = form;
    this.channel = channel;
    this.kind = kind;
    this.problem = problem;
    this.replacing = replacing;
    this.checked = checked;
    this.asked = 0;
    this.fields = new Map();
    for (const root of form.querySelectorAll(".credential")) this.add(root);
  }

  add(root) {
    const input = root.querySelector("input, select");
    this.fields.set(root.dataset.name, { root, input, verdict: root.querySelector(".credential__verdict"), first: input.value });
    input.addEventListener("input", () => this.later(root));
    input.addEventListener("change", () => this.check());
  }

  /** What was entered; of a channel in use, only what differs from before. */
  values() {
    const values = {};
    for (const [name, { input, first }] of this.fields) {
      const text = input.value.trim();
      // A secret that is kept is never shown, so an empty field of one leaves it as it is.
      const kept = !text && input.type === "password" && this.channel.secrets[name];
      if (!kept && (!this.replacing || text !== first)) values[name] = text;
    }
    return values;
  }

  later(root) {
    const field = this.fields.get(root.dataset.name);
    this.show(field, field.input.value ? "checking" : "", "");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), PAUSE_MS);
  }

  /** Ask the provider about all that is there; an answer to an older question is dropped. */
  async check() {
    clearTimeout(this.timer);
    const values = this.values();
    const said = JSON.stringify(values);
    if (said === this.said || !Object.values(values).some(Boolean)) return;
    this.said = said;
    this.asked += 1;
    const mine = this.asked;
    for (const field of this.fields.values()) {
      if (field.input.value && field.root.dataset.state !== "ok") this.show(field, "checking", `Asking ${this.kind.provider}…`);
    }
    try {
      const answer = await api.checkChannel({ kind: this.kind.kind, channel_id: this.channel.id, credentials: values });
      if (mine === this.asked) this.showAll(answer);
    } catch (error) {
      if (mine !== this.asked) return;
      this.said = null;
      this.showAll({ fields: {}, asked: true });
      this.refuse(error);
    }
  }

  showAll({ fields, asked, account_name: name }) {
    for (const [key, field] of this.fields) {
      const found = field.input.value ? fields[key] : null;
      const reason = found?.state === "ok" && key === this.kind.account_field && name ? name : found?.reason;
      this.show(field, found?.state ?? "", asked || !found || found.state !== "unknown" ? reason : `${this.kind.provider} does not answer just now.`);
    }
    this.checked({ fields, asked });
  }

  show({ root, input, verdict }, state, reason = "") {
    root.dataset.state = state;
    input.setAttribute("aria-invalid", String(state === "wrong"));
    const words = reason || (state === "ok" ? `${this.kind.provider} accepts it.` : "");
    const own = root.querySelector("select") && state === "ok" ? "" : words;
    if (verdict.textContent === own && verdict.dataset.state === state) return;
    verdict.dataset.state = state;
    if (own && DRAWINGS[state]) {
      const text = document.createElement("span");
      setText(text, own);
      verdict.replaceChildren(icon(DRAWINGS[state]), text);
    } else setText(verdict, own);
  }

  /** The server's no to a save: each sentence at its field, and the first one gets the focus. */
  refuse(error) {
    const errors = error.body?.errors ?? [];
    let first = null;
    for (const { field, message } of errors) {
      const known = this.fields.get(field.replace(/^credentials\./u, ""));
      if (!known) continue;
      this.show(known, "wrong", message);
      first ??= known.input;
    }
    tell(this.problem, first ? "" : (error.sentence ?? error.message));
    if (!first) return;
    const details = first.closest("details");
    if (details) details.open = true;
    first.focus();
  }
}
