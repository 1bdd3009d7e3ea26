// Choosing a kind begins a channel, so that its webhook address is there before anything is entered.

import { api } from "../api.js";
import { byId } from "../lib/dom.js";
import { begin, tell } from "./common.js";

begin();
const tiles = [...document.querySelectorAll(".tile")];

for (const tile of tiles) {
  tile.addEventListener("click", async () => {
    for (const one of tiles) one.disabled = true;
    tell(byId("problem"));
    try {
      const channel = await api.beginChannel(tile.dataset.kind);
      location.assign(`/settings/channels/${encodeURIComponent(channel.id)}/set-up`);
    } catch (error) {
      tell(byId("problem"), error.sentence ?? error.message);
      for (const one of tiles) one.disabled = false;
    }
  });
}

// Coming back by the browser's arrow may bring the page as it was left.
addEventListener("pageshow", () => {
  for (const one of tiles) one.disabled = false;
});
