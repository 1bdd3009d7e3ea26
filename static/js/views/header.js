// The line above the thread: who this is, on which channel, who else is looking, and resolving it.

import { byId, mark, setIcon, setText } from "../lib/dom.js";
import { plainName } from "../lib/text.js";
import { setSubject } from "./mail.js";

export class Header {
  /** intentions: `back()`, `resolve()`, `toggleContact()` */
  constructor(intentions) {
    this.name = byId("header-name");
    this.channel = byId("header-channel");
    this.subject = byId("header-subject");
    this.presence = byId("header-presence");
    this.resolve = byId("header-resolve");
    byId("header-back").addEventListener("click", () => intentions.back());
    byId("header-contact").addEventListener("click", () => intentions.toggleContact());
    this.resolve.addEventListener("click", () => intentions.resolve());
  }

  draw(state) {
    const conversation = state.conversations.get(state.selected);
    if (!conversation) return;
    setText(this.name, plainName(conversation.contact.name));
    setSubject(this.subject, conversation.subject);
    const { id, kind, name } = conversation.channel;
    const label = state.channels.get(id)?.label ?? kind;
    const words = name && name !== label ? `${label} · ${name}` : label;
    if (this.channel.dataset.words !== words) {
      this.channel.dataset.words = words;
      this.channel.replaceChildren(mark(kind), words);
    }
    const resolved = conversation.status === "resolved";
    setText(this.resolve.lastElementChild, resolved ? "Reopen" : "Resolve");
    setIcon(this.resolve, resolved ? "undo-2" : "check");
    this.resolve.title = resolved ? "Open it again (e)" : "Resolve (e)";
    this.drawPresence(state);
  }

  drawPresence(state) {
    const people = [...(state.presence.get(state.selected)?.values() ?? [])];
    const typing = people.filter((person) => person.typing > Date.now());
    const viewing = people.filter((person) => person.viewing && !typing.includes(person));
    const who = typing.length ? typing : viewing;
    const verb = typing.length ? "writing" : "looking at this";
    const names = new Intl.ListFormat().format(who.map((person) => person.name));
    setText(this.presence, who.length ? `${names} ${who.length === 1 ? "is" : "are"} ${verb}` : "");
    this.presence.classList.toggle("header__presence--typing", typing.length > 0);
  }
}
