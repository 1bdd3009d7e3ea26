// For admins: which channel needs them, with the way there. Nothing when nothing does.

import { byId, icon, make } from "../lib/dom.js";

export class ChannelTrouble {
  constructor() {
    this.line = byId("channel-trouble");
  }

  draw(state) {
    if (!this.line) return;
    const stopped = [...state.channels.values()].filter((channel) => channel.state === "reauthorization_required");
    const said = JSON.stringify(stopped.map(({ id, name, trouble }) => [id, name, trouble]));
    if (said === this.said) return;
    this.said = said;
    this.line.hidden = stopped.length === 0;
    if (stopped.length === 0) return;
    const [first] = stopped;
    const one = stopped.length === 1;
    const words = one ? `${first.name} needs you. ${first.trouble ?? ""} ` : `${stopped.length} channels need you. `;
    const href = one ? `/settings/channels/${encodeURIComponent(first.id)}` : "/settings/channels";
    this.line.replaceChildren(icon("triangle-alert"), make("span", {}, words, make("a", { href }, "Mend it")));
  }
}
