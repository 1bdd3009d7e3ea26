// What is known of contacts: fetched when one is shown, done to by the API, and told by events.

import { api, Problem, Unreachable } from "./api.js";

const KEPT = 50;
const TOLD = /^(?:contact|identity)\./u;

export class People {
  /** changed()  draw again; say(text, action)  tell what was done, with a way back */
  constructor({ changed, say }) {
    this.changed = changed;
    this.say = say;
    this.known = new Map();
    this.asked = new Set();
  }

  /** `{ detail, suggestions }` of a contact, or null while it is not known: then it is fetched. */
  of(id) {
    const known = this.known.get(id);
    if (!known || known.stale) this.fetch(id);
    return known?.detail ? known : null;
  }

  async fetch(id) {
    if (this.asked.has(id)) return;
    this.asked.add(id);
    const before = this.known.get(id);
    if (before) before.stale = false;
    try {
      const [detail, suggestions] = await Promise.all([api.contact(id), api.suggestions(id)]);
      this.put(id, { detail, suggestions });
    } catch (error) {
      if (!(error instanceof Unreachable) && !(error instanceof Problem)) throw error;
      // Asked again when something is told of it, or when the pane is opened anew.
      this.put(id, { detail: before?.detail ?? null, suggestions: [] });
    } finally {
      this.asked.delete(id);
    }
    this.changed();
  }

  put(id, entry) {
    this.known.delete(id);
    this.known.set(id, entry);
    for (const key of this.known.keys()) if (this.known.size > KEPT) this.known.delete(key);
  }

  /** Something happened to a contact: what is known of it is old, and of those it may be the same as. */
  heard(event) {
    if (TOLD.test(event.type)) this.doubt();
  }

  doubt() {
    for (const entry of this.known.values()) entry.stale = true;
  }

  // ---- What an agent does. Each answers whether it was done.

  async act(call) {
    try {
      const answer = await call();
      this.doubt();
      if (answer?.id) this.put(answer.id, { detail: answer, suggestions: this.known.get(answer.id)?.suggestions ?? [], stale: true });
      this.changed();
      return true;
    } catch (error) {
      if (error instanceof Unreachable) this.say("The server could not be reached. Nothing was changed.");
      else if (error instanceof Problem) this.say(error.sentence);
      else throw error;
      return false;
    }
  }

  rename(id, name) {
    return this.act(() => api.changeContact(id, { name: name || null }));
  }

  async note(id, note) {
    if (await this.act(() => api.changeContact(id, { note }))) this.say("Note saved.");
  }

  async merge(id, other, name) {
    if (!(await this.act(() => api.mergeContacts(id, other)))) return;
    const made = this.known.get(id)?.detail.merges.find((one) => one.merged_id === other);
    const undo = made && { label: "Undo", run: () => this.undo(id, made.id) };
    this.say(`Merged with ${name}.`, undo);
  }

  async undo(id, merge) {
    if (await this.act(() => api.unmergeContact(id, { merge_id: merge }))) this.say("They are two contacts again.");
  }

  async separate(id, identity) {
    if (await this.act(() => api.unmergeContact(id, { identity_id: identity }))) this.say("It is a contact of its own now.");
  }

  async notSame(id, other) {
    if (await this.act(() => api.notSame(id, other))) this.say("This will not be suggested again.");
  }

  async block(id, blocked) {
    const done = await this.act(() => (blocked ? api.blockContact(id) : api.unblockContact(id)));
    if (done) this.say(blocked ? "Blocked on every channel." : "No longer blocked.");
  }
}

/** What the views of a person ask for, by name. */
export const personIntentions = (people) => ({
  rename: (id, name) => people.rename(id, name),
  note: (id, text) => people.note(id, text),
  merge: (id, other, name) => people.merge(id, other, name),
  undo: (id, merge) => people.undo(id, merge),
  separate: (id, identity) => people.separate(id, identity),
  notSame: (id, other) => people.notSame(id, other),
  block: (id, blocked) => people.block(id, blocked),
});
