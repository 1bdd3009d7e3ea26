// Starts the page from what came with it.

import { App } from "./app.js";
import { byId } from "./lib/dom.js";
import { inlineSprites } from "./lib/sprites.js";
import { Tour } from "./views/tour.js";

const boot = JSON.parse(byId("boot").textContent);

new App(boot);
inlineSprites();

if (boot.simulator_url) {
  byId("demo-close").addEventListener("click", () => byId("demo").remove());
  new Tour().begin();
}
