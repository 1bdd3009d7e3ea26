// Choosing a message template, filling it in, and seeing it as the contact will. What fits and whether
// it may go is the server's answer; this draws it.

import { byId, make, setText } from "../lib/dom.js";
import { readPlace } from "../lib/place.js";
import { found, language, preview, wording } from "../lib/templates.js";
import { drawBubble } from "./message.js";

const CATEGORIES = { utility: "About an order or a question", marketing: "Promotion", authentication: "Code" };
const WHY_NOT = { pending: "Not approved yet", rejected: "Rejected", paused: "Paused", disabled: "Disabled", other: "Not to be sent" };

export class TemplatePicker {
  /** intentions: `list(channel)`, `refresh(channel)` → promises of templates; `upload(file)` → of an id; `send(body, shown)` */
  constructor(intentions) {
    this.intentions = intentions;
    this.dialog = byId("templates");
    this.search = byId("templates-search");
    this.listing = byId("templates-list");
    this.detail = byId("templates-detail");
    this.state = byId("templates-state");
    this.search.addEventListener("input", () => this.drawList());
    byId("templates-refresh").addEventListener("click", () => this.load(() => this.intentions.refresh(this.channel.id)));
    byId("templates-back").addEventListener("click", () => this.choose(null));
    this.listing.addEventListener("keydown", (event) => this.step(event));
  }

  /** gate: the conversation's, with `templates` by category */
  open(channel, name, gate) {
    this.channel = channel;
    this.gate = gate;
    this.templates = [];
    this.search.value = "";
    setText(byId("templates-title"), `Send a template to ${name}`);
    this.choose(null);
    this.dialog.showModal();
    this.search.focus();
    this.load(() => this.intentions.list(channel.id));
  }

  async load(fetching) {
    const { channel } = this;
    setText(this.state, "Fetching the templates…");
    try {
      const templates = await fetching();
      if (this.channel !== channel) return;
      this.templates = templates;
      setText(this.state, "");
      this.followUp();
    } catch (error) {
      setText(this.state, error.sentence ?? "The templates could not be fetched.");
    }
    this.drawList();
  }

  /** The provider thinks otherwise of one: what is shown may be different now. */
  changed(channelId) {
    if (this.dialog.open && this.channel?.id === channelId) this.load(() => this.intentions.list(channelId));
  }

  /** What is being filled in may have changed, or be gone. */
  followUp() {
    if (!this.group) return;
    const group = this.templates.filter(({ name }) => name === this.template.name);
    const template = group.find((one) => one.language === this.template.language);
    if (!template || template.body !== this.template.body) {
      this.choose(group.length ? group : null);
      return;
    }
    this.group = group;
    this.template = template;
    this.drawPreview();
  }

  drawList() {
    const groups = found(this.templates, this.search.value);
    // What can be sent comes first; within that, by name.
    groups.sort(([a], [b]) => Number(this.refusal(a) !== null) - Number(this.refusal(b) !== null));
    const rows = groups.map((group) => {
      const [first] = group;
      const may = this.refusal(first) === null;
      const open = () => this.choose(group);
      const words = may ? CATEGORIES[first.category] ?? first.category : WHY_NOT[first.status] ?? "Not possible now";
      const row = make(
        "button",
        { class: "pick", type: "button", "aria-pressed": String(this.group?.[0].name === first.name), onclick: open },
        make("span", { class: "pick__name", dir: "auto" }, wording(first.name)),
        make("span", { class: may ? "pick__mark" : "pick__mark pick__mark--off" }, words),
        make("span", { class: "pick__text", dir: "auto" }, first.body),
      );
      return make("li", {}, row);
    });
    this.listing.replaceChildren(...rows);
    if (rows.length || this.state.textContent) return;
    setText(this.state, this.templates.length ? "No template has all of these words." : "This channel has no templates. They are made at the provider, which approves them.");
  }

  step(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const buttons = [...this.listing.querySelectorAll("button")];
    buttons[buttons.indexOf(document.activeElement) + by]?.focus();
    event.preventDefault();
  }

  /** Why this one cannot be sent, as a sentence; null when it can. */
  refusal(template) {
    if (!template.sendable) {
      const why = { pending: "The provider has not approved it yet.", rejected: "The provider rejected it.", paused: "The provider has paused it.", disabled: "The provider has disabled it." };
      return why[template.status] ?? "It has a part that cannot be filled in here.";
    }
    const decision = this.gate?.templates?.[template.category];
    return decision && !decision.allow ? [decision.reason, decision.remedies?.[0]?.text].filter(Boolean).join(" ") : null;
  }

  choose(group, code) {
    this.group = group;
    this.dialog.dataset.step = group ? "detail" : "list";
    this.drawList();
    if (!group) {
      this.detail.replaceChildren(make("p", { class: "templates__none" }, "Choose one to see how it reads."));
      return;
    }
    this.template = group.find((one) => one.language === code) ?? mine(group);
    this.values = {};
    this.file = null;
    this.drawDetail();
  }

  drawDetail() {
    const { template, group } = this;
    const choice = make("select", { class: "field__input", id: "templates-language" }, ...group.map((one) => make("option", { value: one.language, selected: one === template }, language(one.language))));
    choice.addEventListener("change", () => {
      this.choose(group, choice.value);
      byId("templates-language").focus();
    });
    this.bubble = make("div", { class: "templates__preview", "aria-live": "polite" });
    this.fault = make("p", { class: "templates__fault", role: "alert" });
    this.button = make("button", { class: "button button--primary", type: "button", onclick: () => this.send() }, "Send this template");
    const fields = template.fields.filter((field) => field.required).map((field) => this.field(field));
    this.detail.replaceChildren(
      make("h3", { class: "templates__name", tabindex: "-1" }, wording(template.name)),
      make("label", { class: "field" }, make("span", { class: "field__name" }, "Language"), choice),
      ...fields,
      make("p", { class: "field__name" }, "As they will see it"),
      this.bubble,
      this.fault,
      make("div", { class: "templates__foot" }, this.button),
    );
    this.drawPreview();
    this.detail.querySelector("input")?.focus();
  }

  field(field) {
    const name = make("span", { class: "field__name" }, labelled(field));
    if (field.type === "file") return make("label", { class: "field" }, name, this.fileInput(field));
    if (field.type === "location") return this.placeFields(field);
    const input = make("input", { class: "field__input", type: "text", dir: "auto", maxlength: field.max_chars, placeholder: field.example && `For example ${field.example}`, autocomplete: "off" });
    input.addEventListener("input", () => this.set(field.name, input.value));
    return make("label", { class: "field" }, name, input);
  }

  fileInput(field) {
    const mimes = this.channel.media.filter(({ kind }) => kind === field.kind).flatMap((entry) => entry.mimes);
    const input = make("input", { class: "field__input", type: "file", accept: mimes.join(",") });
    input.addEventListener("change", () => this.upload(input.files[0]));
    return input;
  }

  async upload(file) {
    this.file = null;
    this.uploading = Boolean(file);
    this.drawPreview();
    if (!file) return;
    const { template } = this;
    try {
      const attachment = await this.intentions.upload(file);
      if (this.template === template) this.file = attachment;
    } catch (error) {
      setText(this.fault, error.sentence ?? "The file could not be uploaded.");
    }
    this.uploading = false;
    this.drawPreview();
  }

  placeFields(field) {
    const named = make("input", { class: "field__input", type: "text", dir: "auto", placeholder: "Name of the place", "aria-label": "Name of the place" });
    const where = make("input", { class: "field__input", type: "text", placeholder: "53.80, -1.55, or a link to a map", "aria-label": "Coordinates, or a link to a map" });
    const read = () => {
      const at = readPlace(where.value);
      this.set(field.name, at && { ...at, ...(named.value.trim() && { name: named.value.trim() }) });
    };
    for (const input of [named, where]) input.addEventListener("input", read);
    return make("fieldset", { class: "field field--set" }, make("legend", { class: "field__name" }, "Location"), named, where);
  }

  set(name, value) {
    this.values[name] = value;
    this.drawPreview();
  }

  missing() {
    return this.template.fields.filter(({ name, type, required }) => {
      if (type === "file") return !this.file;
      const value = this.values[name];
      return required && !(typeof value === "string" ? value.trim() : value);
    });
  }

  drawPreview() {
    const shown = preview(this.template, this.values);
    this.bubble.replaceChildren(drawBubble({ ...shown, attachments: this.file ? [this.file] : [] }));
    const refusal = this.refusal(this.template);
    setText(this.fault, refusal ?? "");
    this.button.disabled = refusal !== null || this.uploading || this.missing().length > 0;
  }

  send() {
    const { name, language: code } = this.template;
    const parameters = Object.fromEntries(Object.entries(this.values).filter(([, value]) => value));
    const body = { template: { name, language: code, parameters }, ...(this.file && { attachments: [this.file.id] }) };
    this.dialog.close();
    this.intentions.send(body, preview(this.template, this.values), this.file ? [this.file] : []);
  }
}

/** The language that the reader has, where it is one of them. */
function mine(group) {
  const wanted = navigator.languages.map((code) => code.toLocaleLowerCase().split("-")[0]);
  return group.find((one) => wanted.includes(one.language.toLocaleLowerCase().split("_")[0])) ?? group[0];
}

function labelled({ name, label, type, kind }) {
  if (type === "file") return { image: "Picture", video: "Video", document: "File" }[kind] ?? "File";
  if (name.startsWith("button.")) return `End of the link “${label}”`;
  return /^\d+$/u.test(label) ? `Blank ${label}` : wording(label);
}
