// What can be made to go wrong, and what is still to go wrong. Knows the providers' troubles, not the phones.

import * as api from "./api.js";

// `times` null: until somebody ends it.
const FAULTS = [
  ["The next message's webhook is lost", "message", { lost: true }],
  ["The next message's webhook comes three times", "message", { duplicate: 2 }],
  ["The next message's webhook comes 10 seconds late", "message", { late_s: 10 }],
  ["The next two messages' webhooks change places", "message", { reorder: true }],
  ["The next answer's statuses are lost", "status", { lost: true }],
  ["The next answer's statuses come backwards", "status", { reorder_statuses: true }],
  ["The next send meets: too many calls", "send", { status: 429, retry_after: 3 }],
  ["The next send meets: their own error", "send", { status: 500 }],
  ["The next send is answered after 5 seconds", "send", { delay_s: 5 }],
  ["The next send is answered in drips", "send", { drip_s: 6 }],
  ["The next send is answered with garbage", "send", { garbage: true }],
  ["The next send is never answered", "send", { hang: true }],
  ["The next send arrives, and its answer is lost", "send", { drop_answer_after_accepting: true }],
  ["The next file's address has run out", "media", { expired: true }],
  ["The access token is revoked, until you end it", "any", { revoked: true }, null],
];

const SOON_MS = 300;

export class FaultPanel {
  constructor(root) {
    this.form = root.querySelector(".faults__form");
    this.list = root.querySelector(".faults__list");
    this.end = root.querySelector(".faults__end");
    this.form.elements.fault.replaceChildren(...FAULTS.map(([label], index) => new Option(label, index)));
    this.setKinds([]);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add();
    });
    this.end.addEventListener("click", () => this.act(api.clearFaults()));
    root.addEventListener("toggle", () => root.open && this.load());
    this.root = root;
  }

  setKinds(accounts) {
    const { kind } = this.form.elements;
    const before = kind.value;
    const kinds = new Map(accounts.map((account) => [account.kind, account.label]));
    kind.replaceChildren(new Option("Anywhere", ""), ...[...kinds].map(([name, label]) => new Option(label, name)));
    if (kinds.has(before)) kind.value = before;
  }

  add() {
    const { fault, kind } = this.form.elements;
    const [, operation, what, times = 1] = FAULTS[fault.value];
    this.act(api.addFault({ match: { operation, kind: kind.value || null }, fault: what, times }));
  }

  /** What happens may have used one up. */
  hear() {
    if (!this.root.open || this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.load();
    }, SOON_MS);
  }

  async act(doing) {
    try {
      await doing;
    } catch (error) {
      this.say(error.message);
      return;
    }
    this.load();
  }

  async load() {
    try {
      this.draw(await api.faults());
    } catch (error) {
      this.say(error.message);
    }
  }

  draw(scripts) {
    const items = scripts.map((script) => {
      const item = document.createElement("li");
      item.className = "faults__item";
      item.textContent = this.words(script);
      return item;
    });
    this.list.replaceChildren(...items);
    this.end.hidden = scripts.length === 0;
  }

  words({ match, fault, times }) {
    const same = ([, operation, what]) => operation === match.operation && Object.entries(what).every(([name, value]) => fault[name] === value);
    const label = FAULTS.find(same)?.[0] ?? "Something of a script";
    const kind = [...this.form.elements.kind.options].find((option) => option.value === match.kind)?.textContent;
    const often = times > 1 ? ` (${times} times)` : "";
    return `${label}${kind && match.kind ? `, on ${kind}` : ""}${often}`;
  }

  say(words) {
    const item = document.createElement("li");
    item.className = "faults__item";
    item.textContent = words;
    this.list.replaceChildren(item);
  }
}
