// The contacts page: finds contacts and shows one. What is done to one is as in the inbox.

import { api, Problem, Unreachable } from "./api.js";
import { batched, byId } from "./lib/dom.js";
import { inlineSprites } from "./lib/sprites.js";
import { People, personIntentions } from "./people.js";
import { Directory } from "./views/directory.js";
import { Theme } from "./views/theme.js";
import { Toasts } from "./views/toasts.js";

const PATH = /^\/contacts\/([\w-]+)$/u;
const PAUSE_MS = 200;

class Page {
  constructor() {
    this.toasts = new Toasts();
    this.redraw = batched(() => this.draw());
    this.people = new People({ changed: () => this.done(), say: (text, action) => this.toasts.show(text, action) });
    this.directory = new Directory({
      search: (text) => this.search(text),
      more: () => this.fetch(this.cursor),
      choose: (id) => this.choose(id),
      ...personIntentions(this.people),
    });
    this.found = null;
    this.cursor = null;
    this.asked = "";
    this.chosen = PATH.exec(location.pathname)?.[1] ?? null;
    addEventListener("popstate", () => {
      this.chosen = PATH.exec(location.pathname)?.[1] ?? null;
      this.redraw();
    });
    // Nobody tells this page what happens elsewhere; who comes back to it sees it as it is.
    addEventListener("focus", () => this.refresh());
    this.fetch();
    this.draw();
  }

  refresh() {
    this.people.doubt();
    this.fetch();
  }

  search(text) {
    if (text.trim() === this.asked) return;
    this.asked = text.trim();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.fetch(), PAUSE_MS);
  }

  async fetch(cursor = null) {
    const asked = this.asked;
    try {
      const page = await api.contacts({ q: asked, cursor, limit: 50 });
      // A later search may have overtaken this one.
      if (asked !== this.asked) return;
      this.found = cursor ? [...this.found, ...page.data] : page.data;
      this.cursor = page.next_cursor;
    } catch (error) {
      if (!(error instanceof Unreachable) && !(error instanceof Problem)) throw error;
      this.toasts.show(error instanceof Problem ? error.sentence : "The server could not be reached.");
    }
    this.redraw();
  }

  /** Something was done or fetched; a merge changes the list as well. */
  done() {
    const signature = JSON.stringify([...this.people.known.values()].map(({ detail }) => [detail?.id, detail?.name, detail?.identities]));
    if (this.signature !== undefined && this.signature !== signature) this.fetch();
    this.signature = signature;
    this.redraw();
  }

  choose(id) {
    history.pushState(null, "", id ? `/contacts/${encodeURIComponent(id)}` : "/contacts");
    const left = this.chosen;
    this.chosen = id;
    this.draw();
    if (id) byId("detail").focus({ preventScroll: true });
    else this.directory.focusRow(left);
  }

  draw() {
    const person = this.chosen ? this.people.of(this.chosen) : null;
    this.directory.draw({ found: this.found, asked: this.asked, more: this.cursor !== null, chosen: this.chosen, person });
  }
}

new Theme();
new Page();
inlineSprites();
