// What a message can be beside words and files: the menu of the "+" beside the composer, and the small
// forms for buttons, lists, links and places. Limits are the channel's, as the server says them.

import { byId, make, setText } from "../lib/dom.js";
import { readPlace } from "../lib/place.js";

export class Offers {
  /**
   * intentions: `template()`, `words()` → the composer's, `send(body, shown)`, `say(words)`
   */
  constructor(intentions) {
    this.intentions = intentions;
    this.button = byId("composer-more");
    this.menu = byId("offers-menu");
    this.dialog = byId("offer");
    this.form = byId("offer-form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.form.addEventListener("input", () => this.check());
    this.menu.addEventListener("toggle", (event) => {
      const open = event.newState === "open";
      this.button.setAttribute("aria-expanded", String(open));
      if (!open) return;
      this.place();
      this.menu.querySelector("button:not(:disabled)")?.focus();
    });
    this.menu.addEventListener("keydown", (event) => this.step(event));
  }

  /** closed: only what needs no open window; hold: what they have written is to be read first */
  draw(channel, { closed, hold }) {
    this.channel = channel;
    const items = channel ? choices(channel) : [];
    this.button.dataset.none = items.length === 0 ? "yes" : "no";
    this.button.disabled = hold || (closed && !channel?.templates);
    const signature = `${channel?.id}:${closed}:${items.length}`;
    if (this.drawn === signature) return;
    this.drawn = signature;
    this.menu.replaceChildren(
      ...items.map(([kind, label]) => {
        const run = () => {
          this.menu.hidePopover();
          this.begin(kind);
        };
        return make("button", { class: "menu__item", type: "button", disabled: closed && kind !== "template", onclick: run }, label);
      }),
    );
  }

  /** Above the button, within the page. */
  place() {
    const at = this.button.getBoundingClientRect();
    const { width, height } = this.menu.getBoundingClientRect();
    this.menu.style.left = `${Math.min(Math.max(8, at.right - width), innerWidth - width - 8)}px`;
    this.menu.style.top = `${Math.max(8, at.top - height - 6)}px`;
  }

  step(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const buttons = [...this.menu.querySelectorAll("button:not(:disabled)")];
    buttons[buttons.indexOf(document.activeElement) + by]?.focus();
    event.preventDefault();
  }

  begin(kind) {
    if (kind === "template") {
      this.intentions.template();
      return;
    }
    const text = this.intentions.words();
    if (kind === "request") {
      if (!text) this.intentions.say("Write the question first, then ask for the place.");
      else this.intentions.send({ text, location_request: true }, shownAs(text, { location_request: true }), { taken: true });
      return;
    }
    this.kind = kind;
    this.form.replaceChildren(...FORMS[kind](this.channel, text));
    setText(byId("offer-title"), TITLES[kind]);
    this.fault = make("p", { class: "templates__fault", role: "alert" });
    this.submit = make("button", { class: "button button--primary" }, "Send");
    this.form.append(this.fault, make("div", { class: "templates__foot" }, this.submit));
    this.dialog.showModal();
    this.form.querySelector("textarea, input")?.focus();
    this.check();
  }

  check() {
    const { problem } = READ[this.kind](this.form);
    this.submit.disabled = Boolean(problem);
    setText(this.fault, problem && this.touched() ? problem : "");
  }

  touched() {
    return [...this.form.querySelectorAll("input")].some((input) => input.value);
  }

  send() {
    const { problem, body } = READ[this.kind](this.form);
    if (problem) return;
    this.dialog.close();
    const { text = "", ...content } = body;
    this.intentions.send(body, shownAs(text, content), { taken: text !== "" });
  }
}

const TITLES = { buttons: "Send buttons", list: "Send a list", link: "Send a link button", place: "Send a location" };

function choices(channel) {
  return [
    channel.templates && ["template", "Template…"],
    channel.buttons && ["buttons", "Buttons…"],
    channel.list && ["list", "List…"],
    channel.link && ["link", "Link button…"],
    channel.location && ["place", "Location…"],
    channel.location_request && ["request", "Ask for their location"],
  ].filter(Boolean);
}

/** A message of the page's own, until the server's copy comes. */
function shownAs(text, content) {
  const type = content.location ? "location" : "interactive";
  return { type, text: text || "Location", content };
}

// ---- Forms.

const label = (name, input) => make("label", { class: "field" }, make("span", { class: "field__name" }, name), input);
const line = (name, most, placeholder) => make("input", { class: "field__input", name, maxlength: most, placeholder, dir: "auto", autocomplete: "off" });
/** One without a label beside it: what it is for stands in it, and is read aloud. */
const named = (name, most, words) => {
  const input = line(name, most, words);
  input.setAttribute("aria-label", words);
  return input;
};

function words(text, most) {
  const area = make("textarea", { class: "field__input", name: "text", rows: "3", maxlength: most, dir: "auto" });
  area.value = text;
  return label("Words", area);
}

/** Lines that can be added up to a number, beginning with two. */
function rows(most, row, more) {
  const list = make("ol", { class: "rows" });
  const add = make("button", { class: "link", type: "button" }, more);
  const grow = () => {
    list.append(make("li", { class: "rows__row" }, ...row(list.children.length + 1)));
    add.hidden = list.children.length >= most;
  };
  add.addEventListener("click", () => {
    grow();
    list.lastElementChild.querySelector("input").focus();
  });
  grow();
  if (most > 1) grow();
  return [list, add];
}

const FORMS = {
  buttons: ({ buttons }, text) => [
    words(text, buttons.text_chars),
    ...rows(buttons.max_count, (n) => [named("title", buttons.title_chars, `Button ${n}`)], "Add a button"),
  ],
  list: ({ list }, text) => [
    words(text, list.text_chars),
    label("What opens the list", line("button", list.button_chars, "Choose")),
    ...rows(
      list.max_rows,
      (n) => [named("title", list.title_chars, `Row ${n}`), named("description", list.description_chars, `More on row ${n}, if you like`)],
      "Add a row",
    ),
  ],
  link: ({ link }, text) => [
    words(text, link.text_chars),
    label("On the button", line("title", link.title_chars, "Open the shop")),
    label("Where it leads", line("url", link.url_chars, "https://…")),
  ],
  place: () => [
    label("Name", line("name", 200, "The shop")),
    label("Address", line("address", 200, "1 Quay Street")),
    label("Coordinates, or a link to a map", line("where", 2000, "53.80, -1.55")),
  ],
};

// ---- What a form says: `{ problem }`, or `{ body }` as the API takes it.

const value = (form, name) => form.elements[name]?.value.trim() ?? "";
const lines = (form) =>
  [...form.querySelectorAll(".rows__row")].map((row) => Object.fromEntries([...row.querySelectorAll("input")].map((input) => [input.name, input.value.trim()])));

function titled(form) {
  const given = lines(form).filter(({ title }) => title);
  const twice = new Set(given.map(({ title }) => title)).size < given.length;
  const problem = !value(form, "text") ? "Write the words that stand above." : twice ? "Two of them are the same." : given.length ? null : "Fill in at least one.";
  return { given: given.map(({ title, description }) => ({ title, ...(description && { description }) })), problem };
}

const READ = {
  buttons: (form) => {
    const { given, problem } = titled(form);
    return { problem, body: { text: value(form, "text"), buttons: given } };
  },
  list: (form) => {
    const { given, problem } = titled(form);
    const button = value(form, "button") || "Choose";
    return { problem, body: { text: value(form, "text"), list: { button, sections: [{ rows: given }] } } };
  },
  link: (form) => {
    const [text, title, url] = ["text", "title", "url"].map((name) => value(form, name));
    const problem = !text ? "Write the words that stand above." : !title ? "Say what stands on the button." : /^https?:\/\/\S+$/iu.test(url) ? null : "Give an address that begins with https://.";
    return { problem, body: { text, link: { title, url } } };
  },
  place: (form) => {
    const at = readPlace(value(form, "where"));
    const words = Object.fromEntries(["name", "address"].map((key) => [key, value(form, key)]).filter(([, text]) => text));
    return { problem: at ? null : "Give coordinates such as 53.80, -1.55, or paste a link to a map.", body: { location: { ...at, ...words } } };
  },
};
