// What is wrong with the line or behind it, said calmly, and nothing when nothing is.

import { byId, icon } from "../lib/dom.js";

// What is over at once is nobody's business.
const PATIENCE_MS = 1_500;

const WORDS = {
  reconnecting: ["rotate-cw", "Reconnecting… What you write is kept and sent when we are back."],
  connecting: ["rotate-cw", "Connecting…"],
  database: ["clock", "The inbox cannot reach its database. What you write is kept; nothing is lost."],
  offline: ["wifi-off", "Offline: what you write stays here and is sent when you are back."],
};

export class Connection {
  constructor() {
    this.line = byId("connection");
    this.shown = "live";
  }

  draw(state) {
    const wanted = state.connection === "live" && !state.database ? "database" : state.connection;
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    clearTimeout(this.timer);
    if (this.wanted === "live" || this.wanted === "offline" || !this.line.hidden) this.show();
    else this.timer = setTimeout(() => this.show(), PATIENCE_MS);
  }

  show() {
    const words = WORDS[this.wanted];
    this.line.hidden = !words;
    this.line.replaceChildren(...(words ? [icon(words[0]), words[1]] : []));
    this.line.dataset.state = this.wanted;
  }
}
