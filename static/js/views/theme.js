// The switch between the system's theme, light and dark. `theme.js` applies the choice before the first paint.

import { byId, setIcon } from "../lib/dom.js";

const CHOICES = [
  ["auto", "monitor", "Theme: as the system"],
  ["light", "sun", "Theme: light"],
  ["dark", "moon", "Theme: dark"],
];

export class Theme {
  constructor() {
    this.button = byId("rail-theme");
    this.at = Math.max(0, CHOICES.findIndex(([name]) => name === document.documentElement.dataset.theme));
    this.button.addEventListener("click", () => {
      this.at = (this.at + 1) % CHOICES.length;
      this.apply();
    });
    this.draw();
  }

  apply() {
    const [name] = CHOICES[this.at];
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    try {
      // As it is, not as JSON: the script before the first paint reads it.
      localStorage.setItem("assent.theme", name);
    } catch {
      // Then the choice lives as long as the page.
    }
    this.draw();
  }

  draw() {
    const [, drawing, words] = CHOICES[this.at];
    setIcon(this.button, drawing);
    this.button.title = words;
    this.button.setAttribute("aria-label", words);
  }
}
