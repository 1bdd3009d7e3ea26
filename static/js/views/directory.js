// The contacts page on the screen: the search, its rows, and the chosen contact.

import { byId, icon, make, mark, reconcile, setText } from "../lib/dom.js";
import { count, number, plainName, sentence } from "../lib/text.js";
import { face } from "./face.js";
import { focusIn, foundAgain, isWriting, nameLine, sections } from "./person.js";

export class Directory {
  /** intentions: `search(text)`, `more()`, `choose(id)`, and those of `person.js` */
  constructor(intentions) {
    this.intentions = intentions;
    this.panes = byId("panes");
    this.rows = byId("rows");
    this.detail = byId("detail");
    const search = byId("search");
    search.addEventListener("input", () => intentions.search(search.value));
    byId("search-form").addEventListener("submit", (event) => event.preventDefault());
    byId("more").addEventListener("click", () => intentions.more());
  }

  draw({ found, asked, more, chosen, person }) {
    this.panes.dataset.page = chosen ? "contact" : "list";
    byId("more").hidden = !more;
    this.drawRows(found ?? [], chosen);
    this.drawEmpty(found, asked);
    this.drawDetail(chosen, person);
  }

  drawRows(found, chosen) {
    reconcile(this.rows, found, {
      key: (contact) => contact.id,
      create: () => make("li", {}),
      update: (row, contact) => {
        const signature = JSON.stringify(contact);
        if (row.drawn !== signature) row.replaceChildren(this.row(contact));
        row.drawn = signature;
        row.firstElementChild.setAttribute("aria-current", String(contact.id === chosen));
      },
    });
  }

  focusRow(id) {
    this.rows.kept?.get(id)?.firstElementChild.focus();
  }

  row(contact) {
    const name = plainName(contact.name);
    const [first] = contact.identities;
    const kinds = [...new Map(contact.identities.map((one) => [one.kind, one.label]))];
    const choose = (event) => {
      if (event.metaKey || event.ctrlKey) return;
      event.preventDefault();
      this.intentions.choose(contact.id);
    };
    return make("a", { class: "listed", href: `/contacts/${encodeURIComponent(contact.id)}`, onclick: choose },
      face(name, contact.picture, "listed__face"),
      make("span", { class: "listed__name", dir: "auto" }, number(name)),
      make("span", { class: "listed__handle", dir: "auto" }, contact.blocked ? "Blocked" : first && first.handle !== contact.name ? number(plainName(first.handle)) : (first?.label ?? "")),
      make("span", { class: "listed__marks" }, ...kinds.map(([kind]) => mark(kind)), make("span", { class: "visually-hidden" }, `On ${kinds.map(([, label]) => label).join(", ")}`)));
  }

  drawEmpty(found, asked) {
    const none = found !== null && found.length === 0;
    const empty = byId("empty");
    empty.hidden = !none;
    if (asked && found) setText(byId("found"), none ? "Nobody found." : `${sentence(count(found.length, "contact", "contacts"))} shown.`);
    if (!none || empty.dataset.asked === asked) return;
    empty.dataset.asked = asked;
    const [title, text] = asked
      ? ["Nobody is called that", "Try the beginning of a name, a whole number or address, or a user name with @."]
      : ["No contacts yet", "Whoever writes to you appears here by itself."];
    empty.replaceChildren(icon("user"), make("p", { class: "empty__title" }, title), make("p", {}, text));
  }

  drawDetail(chosen, person) {
    const signature = JSON.stringify([chosen, person?.detail, person?.suggestions]);
    const same = this.drawnOf === chosen;
    if (this.drawn === signature || (same && isWriting(this.detail))) return;
    const focused = same ? focusIn(this.detail) : null;
    this.drawn = signature;
    this.drawnOf = chosen;
    this.detail.replaceChildren(...(person ? this.person(person) : [make("p", { class: "directory__none" }, chosen ? "Loading…" : "Choose a contact to see every channel they use.")]));
    if (focused) (foundAgain(this.detail, focused) ?? this.detail).focus({ preventScroll: true });
  }

  person(person) {
    const { detail } = person;
    const known = sections(person, null, this.intentions);
    const [last] = detail.conversations;
    const back = make("button", { class: "button button--quiet directory__back", type: "button", onclick: () => this.intentions.choose(null) }, icon("arrow-left"), "All contacts");
    const answer = last && make("a", { class: "button button--primary", href: `/app/c/${encodeURIComponent(last.id)}` }, icon("reply"), "Reply");
    const head = make("header", { class: "contact__head" }, face(plainName(detail.name), detail.picture, "contact__face"), make("div", { class: "contact__who" }, nameLine(detail, this.intentions)), answer ?? null);
    return [back, head, ...known.same, known.channels, known.threads, known.note, known.merges, known.further].filter(Boolean);
  }
}
