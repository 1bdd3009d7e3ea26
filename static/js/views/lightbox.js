// A picture in full, over everything, until Escape or a click.

import { byId, setText } from "../lib/dom.js";

export class Lightbox {
  constructor() {
    this.dialog = byId("lightbox");
    this.picture = byId("lightbox-picture");
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("close", () => this.picture.removeAttribute("src"));
  }

  show({ source, name, alt }) {
    this.picture.src = source;
    this.picture.alt = alt;
    setText(byId("lightbox-name"), name);
    byId("lightbox-download").href = source;
    this.dialog.showModal();
  }
}
