// What a contact is made of, wherever one is shown: channels, a note, who it may be the same as, what was
// merged, and blocking. Pieces of a pane; who shows them puts them in order.

import { exportAddress } from "../api.js";
import { byId, icon, make, mark } from "../lib/dom.js";
import { number, plainName } from "../lib/text.js";
import { exact, moment } from "../lib/time.js";

export const section = (title, ...children) =>
  make("section", { class: "contact__section" }, make("h3", { class: "contact__title" }, title), ...children);

/** Whether somebody is typing in a pane: then it is not drawn anew under their hands. */
export const isWriting = (pane) => pane.contains(document.activeElement) && document.activeElement.matches("input, textarea");

const called = (element) => element.getAttribute("aria-label") ?? element.textContent;
const sectionOf = (element) => element.closest("section[aria-label], .contact__section")?.querySelector("h3")?.textContent;

/** What has the focus in a pane, to find it again in the pane drawn anew; null where nothing has. */
export function focusIn(pane) {
  const one = document.activeElement;
  return pane.contains(one) ? { words: called(one), section: sectionOf(one) } : null;
}

/** What is called the same, or is done in the same section: "Unblock" where "Block" was. Null where there is neither. */
export function foundAgain(pane, { words, section }) {
  const all = [...pane.querySelectorAll("a[href], button, summary, input, textarea")];
  return all.find((one) => called(one) === words) ?? all.find((one) => section && sectionOf(one) === section) ?? null;
}

const shownHandle = (identity) => number(plainName(identity.handle));

/** The name, with a way to change it in place. */
export function nameLine(contact, intentions) {
  const holder = make("div", { class: "contact__name-line" });
  const show = () => {
    const edit = make("button", { class: "link contact__edit", type: "button", "aria-label": "Edit the name", onclick: ask }, "Edit");
    holder.replaceChildren(make("h2", { class: "contact__name", dir: "auto" }, plainName(contact.name)), edit);
  };
  const ask = () => {
    const input = make("input", { class: "field__input contact__input", "aria-label": "Name", maxlength: "200", value: plainName(contact.name), dir: "auto" });
    const form = make("form", { class: "contact__form" }, input, make("button", { class: "button", type: "submit" }, "Save"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      contact = { ...contact, name: input.value.trim() || contact.name };
      show();
      intentions.rename(contact.id, input.value.trim());
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      show();
      holder.querySelector("button").focus();
    });
    holder.replaceChildren(form);
    input.focus();
    input.select();
  };
  show();
  return holder;
}

export function channels(detail, intentions) {
  const several = detail.identities.length > 1 && detail.may.merge;
  return make("ul", { class: "identities" }, ...detail.identities.map((one) => {
    const where = one.channel.name && one.channel.name !== one.label ? `${one.label} · ${one.channel.name}` : one.label;
    const separate = several && make("button", { class: "link identity__out", type: "button", "aria-label": `Separate ${shownHandle(one)} on ${one.label}`, onclick: () => intentions.separate(detail.id, one.id) }, "Separate");
    return make("li", { class: "identity" }, mark(one.kind),
      make("div", { class: "identity__what" },
        make("span", { class: "identity__handle", dir: "auto" }, shownHandle(one)),
        make("span", { class: "identity__where" }, where),
        aliases(one)),
      separate || null);
  }));
}

function aliases({ aliases: others, name, handle }) {
  const known = others.map((one) => number(plainName(one)));
  if (name && plainName(name) !== plainName(handle)) known.unshift(`Profile name: ${plainName(name)}`);
  if (!known.length) return null;
  return make("details", { class: "identity__more" }, make("summary", {}, "Also known as"), ...known.map((one) => make("p", { dir: "auto" }, one)));
}

/** Cards of those who may be the same person. */
export function suggestions(detail, found, intentions) {
  return found.map((one) => {
    const [first] = one.identities;
    const name = plainName(one.name);
    const title = one.strength === "strong" && first ? `Also on ${first.label}?` : "The same person?";
    const actions = detail.may.merge
      ? [make("button", { class: one.strength === "strong" ? "button button--primary" : "button button--quiet", type: "button", onclick: () => intentions.merge(detail.id, one.contact_id, name) }, "Merge"),
         make("button", { class: "button button--quiet", type: "button", onclick: () => intentions.notSame(detail.id, one.contact_id) }, "Not the same person")]
      : [make("p", { class: "contact__quiet" }, "Part of this contact is on channels you do not work on. A manager can merge them.")];
    return make("section", { class: "same", "aria-label": title },
      make("h3", { class: "same__title" }, title),
      make("p", { class: "same__who" }, ...one.identities.map((identity) => make("span", { class: "same__identity", dir: "auto" }, mark(identity.kind), shownHandle(identity))),
        name !== plainName(first?.handle) ? make("span", { dir: "auto" }, name) : null),
      ...one.reasons.map((reason) => make("p", { class: "same__reason" }, reason)),
      make("div", { class: "same__actions" }, ...actions));
  });
}

/** Links to the conversations but the one that is open. */
export function conversations(detail, open, intentions) {
  const others = detail.conversations.filter((one) => one.id !== open);
  return make("ul", { class: "threads" }, ...others.map((one) => {
    const go = (event) => {
      if (!intentions.open || event.metaKey || event.ctrlKey) return;
      event.preventDefault();
      intentions.open(one.id);
    };
    const last = plainName(one.last_message?.text ?? "");
    return make("li", {}, make("a", { class: "threads__link", href: `/app/c/${encodeURIComponent(one.id)}`, onclick: go },
      mark(one.channel.kind),
      make("span", { class: "threads__what", dir: "auto" }, last || one.channel.name),
      make("time", { class: "threads__time", datetime: one.last_activity_at, title: exact(one.last_activity_at) }, one.status === "resolved" ? "Resolved" : moment(one.last_activity_at))));
  }));
}

export function history(detail, intentions) {
  return make("ul", { class: "merges" }, ...detail.merges.map((one) => {
    const name = number(plainName(one.name ?? ""));
    const undo = detail.may.merge && make("button", { class: "link", type: "button", "aria-label": `Undo the merge with ${name}`, onclick: () => intentions.undo(detail.id, one.id) }, "Undo");
    return make("li", { class: "merges__one" },
      make("span", {}, make("bdi", {}, name), make("span", { class: "contact__quiet" }, one.by.name ? ` by ${one.by.name}, ` : ", ", make("time", { datetime: one.at, title: exact(one.at) }, moment(one.at)))),
      undo || null);
  }));
}

/** A note for the whole team, kept when one leaves the field. */
export function note(detail, intentions) {
  const field = make("textarea", { class: "field__input contact__note", rows: "2", maxlength: "4000", dir: "auto", "aria-label": "Note about this contact", placeholder: "What the team should know" });
  field.value = detail.note;
  field.addEventListener("change", () => intentions.note(detail.id, field.value));
  return field;
}

/** Blocking, and a file of all that is known: what not everybody may do. */
function further(detail, intentions) {
  const children = [...blocking(detail, intentions), ...exporting(detail)];
  return children.length ? make("section", { class: "contact__section contact__further" }, make("h3", { class: "visually-hidden" }, "More"), ...children) : null;
}

function exporting({ id, may }) {
  return may.export ? [make("a", { class: "button button--quiet", href: exportAddress(id), download: "" }, icon("download"), "Download what is known")] : [];
}

function blocking(detail, intentions) {
  const name = plainName(detail.name);
  const children = [];
  if (detail.blocked) children.push(make("p", { class: "contact__blocked" }, icon("ban"), "Blocked: nothing is sent to them on any channel."));
  if (detail.may.block) {
    const act = detail.blocked ? () => intentions.block(detail.id, false) : () => confirmed(`Block ${name}?`, "Nothing will be sent to them on any channel, by nobody and by no program. What they write still arrives.", "Block", () => intentions.block(detail.id, true));
    children.push(make("button", { class: "button button--quiet", type: "button", onclick: act }, icon("ban"), detail.blocked ? "Unblock" : "Block this contact"));
  }
  return children;
}

/** Ask before something that others feel. */
function confirmed(title, text, word, act) {
  const done = () => dialog.close();
  const yes = make("button", { class: "button button--primary", type: "button", onclick: () => (done(), act()) }, word);
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": "confirm-title" },
    make("h2", { class: "dialog__title", id: "confirm-title" }, title), make("p", { class: "dialog__text" }, text),
    make("div", { class: "dialog__actions" }, make("button", { class: "button button--quiet", type: "button", onclick: done }, "Cancel"), yes));
  dialog.addEventListener("close", () => dialog.remove());
  (byId("toasts")?.parentElement ?? document.body).append(dialog);
  dialog.showModal();
}

/** Everything but the head and what the gate says, in order; nothing is shown empty. */
export function sections({ detail, suggestions: found }, open, intentions) {
  const others = detail.conversations.some((one) => one.id !== open);
  return {
    same: suggestions(detail, found, intentions),
    channels: section(detail.identities.length > 1 ? "Channels" : "Channel", channels(detail, intentions)),
    note: section("Note", note(detail, intentions)),
    threads: others ? section(open ? "Other conversations" : "Conversations", conversations(detail, open, intentions)) : null,
    merges: detail.merges.length ? section("Merged", history(detail, intentions)) : null,
    further: further(detail, intentions),
  };
}
