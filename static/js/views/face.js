// What a person looks like beside their name: our copy of their picture, or the first letter of the name.

import { pictureAddress } from "../api.js";
import { make } from "../lib/dom.js";
import { initial } from "../lib/text.js";

export function face(name, picture, className) {
  const holder = make("span", { class: className, "aria-hidden": "true" });
  setFace(holder, name, picture);
  return holder;
}

/** Draw it into an element, anew only where it is another. */
export function setFace(holder, name, picture) {
  const letter = initial(name);
  const drawn = `${letter} ${picture ?? ""}`;
  if (holder.drawn === drawn) return;
  holder.drawn = drawn;
  if (!picture) {
    holder.replaceChildren(letter);
    return;
  }
  const image = make("img", { class: "face__picture", src: pictureAddress(picture), alt: "", onerror: () => image.replaceWith(letter) });
  holder.replaceChildren(image);
}
