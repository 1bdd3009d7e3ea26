// What is wrong with the line, said calmly, and nothing when nothing is.

import { byId, icon } from "../lib/dom.js";

// A reconnect that succeeds at once is nobody's business.
const PATIENCE_MS = 1_500;

const WORDS = {
  reconnecting: ["rotate-cw", "Reconnecting… What you write is kept and sent when we are back."],
  connecting: ["rotate-cw", "Connecting…"],
  offline: ["wifi-off", "Offline: what you write stays here and is sent when you are back."],
};

export class Connection {
  constructor() {
    this.line = byId("connection");
    this.shown = "live";
  }

  draw(state) {
    if (state.connection === this.wanted) return;
    this.wanted = state.connection;
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
