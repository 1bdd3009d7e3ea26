// The pane about the contact: who, on which channel, and for which purposes we may write.

import { byId, icon, make, mark } from "../lib/dom.js";
import { isAddress, number, plainName } from "../lib/text.js";
import { exact, moment } from "../lib/time.js";
import { evidence } from "./evidence.js";
import { face } from "./face.js";
import { focusIn, foundAgain, isWriting, nameLine, section, sections } from "./person.js";

const PURPOSES = [
  ["reply", "Replies"],
  ["transactional", "Notices"],
  ["promotional", "Promotions"],
];

export class Contact {
  /** intentions: `close()`, `showMessage(id)`, `open(id)`, and those of `person.js` */
  constructor(intentions) {
    this.intentions = intentions;
    this.pane = byId("contact");
    this.shade = byId("contact-shade");
    this.shade.addEventListener("click", () => intentions.close());
  }

  /** person: what `People` knows of the contact, or null while it does not. */
  draw(state, person) {
    const conversation = state.conversations.get(state.selected);
    if (!conversation) return;
    const gate = state.gates.get(conversation.id) ?? null;
    const channel = state.channels.get(conversation.channel.id);
    const { contact, status, created_at } = conversation;
    // Drawn anew only when something it shows is another: an opened reason stays open.
    const signature = JSON.stringify([contact, status, created_at, gate?.decisions, gate?.window, channel, conversation.channel, person?.detail, person?.suggestions]);
    const same = this.drawnOf === conversation.id;
    if (this.drawn === signature || (same && isWriting(this.pane))) return;
    const focused = same ? focusIn(this.pane) : null;
    this.drawn = signature;
    this.drawnOf = conversation.id;
    const known = person ? sections(person, conversation.id, this.intentions) : {};
    const parts = [
      this.identity(contact, person?.detail),
      ...(known.same ?? []),
      section("May we write?", ...this.purposes(gate)),
      known.channels,
      section("This conversation", facts([
        ...this.channel(conversation, channel),
        ["Status", status === "resolved" ? "Resolved" : "Open"],
        ["Began", make("time", { datetime: created_at, title: exact(created_at) }, moment(created_at))],
      ])),
      known.threads,
      known.note,
      known.merges,
      known.further,
    ];
    this.pane.replaceChildren(...parts.filter(Boolean));
    // What had the focus is gone with the old pane; the reader stays in it.
    if (focused) (foundAgain(this.pane, focused) ?? this.pane.querySelector("button:not(.contact__close)"))?.focus({ preventScroll: true });
  }

  identity(contact, detail) {
    const close = make("button", { class: "icon-button contact__close", type: "button", "aria-label": "Close", onclick: () => this.intentions.close() }, icon("x"));
    const name = plainName(contact.name);
    return make(
      "header",
      { class: "contact__head" },
      face(name, detail?.picture, "contact__face"),
      make("div", { class: "contact__who" },
        detail ? nameLine({ ...detail, name }, this.intentions) : make("h2", { class: "contact__name", dir: "auto" }, name),
        contact.handle && contact.handle !== contact.name ? make("p", { class: "contact__handle" }, number(plainName(contact.handle))) : null),
      close,
    );
  }

  purposes(gate) {
    if (!gate) return [make("p", { class: "contact__quiet" }, "Checking…")];
    return PURPOSES.map(([purpose, label]) => {
      const decision = gate.decisions[purpose];
      const answer = make("span", { class: decision.allow ? "purpose__yes" : "purpose__no" }, icon(decision.allow ? "check" : "ban"), decision.allow ? "Yes" : "No");
      return make(
        "details",
        { class: "purpose" },
        make("summary", { class: "purpose__line" }, make("span", {}, label), answer),
        make("p", {}, decision.reason),
        decision.evidence ? make("p", {}, ...evidence(decision.evidence, this.intentions.showMessage)) : null,
        ...(decision.remedies ?? []).map((remedy) => make("p", {}, remedy.text)),
        make("p", { class: "purpose__rule" }, `Rule ${decision.rule} · ${decision.code}`),
      );
    });
  }

  channel(conversation, channel) {
    const { kind, name } = conversation.channel;
    const words = [channel?.label ?? kind, name].filter(Boolean).join(" · ");
    const rows = [["Channel", make("span", { class: "contact__channel" }, mark(kind), words)]];
    // Some providers name an account by a number of their own, which says nothing to a person.
    if (isAddress(channel?.account)) rows.push(["Account", number(channel.account)]);
    if (channel && channel.state !== "connected") rows.push(["Trouble", channel.trouble ?? "Needs an admin"]);
    return rows;
  }
}

const facts = (rows) =>
  make("dl", { class: "facts" }, ...rows.map(([term, value]) => make("div", { class: "facts__row" }, make("dt", {}, term), make("dd", {}, value))));
