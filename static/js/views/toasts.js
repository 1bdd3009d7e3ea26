// A short word about what was just done, with the way back, for a few seconds.

import { byId, make } from "../lib/dom.js";

const STAY_MS = 6_000;

export class Toasts {
  constructor() {
    this.root = byId("toasts");
  }

  show(text, action = null) {
    let from = null;
    const close = () => {
      clearTimeout(timer);
      if (toast.contains(document.activeElement) && from?.isConnected) from.focus({ preventScroll: true });
      toast.remove();
    };
    const button = action && make("button", { class: "toast__action", type: "button", onclick: () => (close(), action.run()) }, action.label);
    const toast = make("div", { class: "toast" }, make("span", {}, text), button);
    this.root.replaceChildren(toast);
    let timer = setTimeout(close, STAY_MS);
    toast.addEventListener("focusin", (event) => (from = event.relatedTarget ?? from));
    // Whoever reads it or reaches for the button has the time they need.
    for (const type of ["pointerenter", "focusin"]) toast.addEventListener(type, () => clearTimeout(timer));
    for (const type of ["pointerleave", "focusout"]) {
      toast.addEventListener(type, () => {
        timer = setTimeout(close, STAY_MS / 2);
      });
    }
  }
}
