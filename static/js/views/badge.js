// How many conversations are unread: in the title, on the icon of the tab, and on the rail.

import { byId, setText } from "../lib/dom.js";

export class Badge {
  constructor(workspace) {
    this.name = workspace.name;
    this.icon = byId("favicon");
    this.rail = byId("rail-badge");
  }

  draw(state) {
    const number = state.unreadConversations();
    const words = number > 99 ? "99+" : String(number);
    document.title = number ? `(${words}) ${this.name}` : `${this.name} · Assent`;
    this.rail.hidden = number === 0;
    setText(this.rail, words);
    byId("rail-inbox").setAttribute("aria-label", number ? `Inbox, ${words} unread` : "Inbox");
    const file = number === 0 ? "favicon" : number > 9 ? "favicon-more" : `favicon-${number}`;
    const address = `/static/img/${file}.svg`;
    if (this.icon.getAttribute("href") !== address) this.icon.setAttribute("href", address);
  }
}
