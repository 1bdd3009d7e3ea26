// What every settings page does: times in the reader's words, copy buttons, short notices.

import { byId, icon, setText } from "../lib/dom.js";
import { brief, exact, moment, onDay } from "../lib/time.js";
import { inlineSprites } from "../lib/sprites.js";
import { Theme } from "../views/theme.js";
import { Toasts } from "../views/toasts.js";

const MINUTE_MS = 60_000;
const dateFormat = new Intl.DateTimeFormat(navigator.languages, { dateStyle: "long" });
const UNITS = [["d", "day"], ["h", "hour"], ["m", "minute"]];
const ago = new Intl.RelativeTimeFormat(navigator.languages, { numeric: "auto" });

/** "just now", "3 minutes ago", "yesterday", "on 3 Mar". */
function agoWords(instant) {
  const words = brief(instant);
  if (words === "now") return "just now";
  const [amount, letter] = words.split(" ");
  const unit = UNITS.find(([short]) => short === letter);
  return unit && /^\d+$/u.test(amount) ? ago.format(-Number(amount), unit[1]) : onDay(instant);
}

const WORDS = {
  ago: agoWords,
  day: onDay,
  moment,
  date: (instant) => dateFormat.format(Date.parse(instant)),
};

/** Word every `<time data-words>` of the page. */
export function wordTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-words]")) {
    setText(element, WORDS[element.dataset.words](element.dateTime));
    element.title = exact(element.dateTime);
  }
}

/** A `<time>` that stays worded. */
export function time(instant, words) {
  const element = document.createElement("time");
  element.dateTime = instant;
  element.dataset.words = words;
  setText(element, WORDS[words](instant));
  element.title = exact(instant);
  return element;
}

export function copyButtons(toasts) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = byId(button.dataset.copy);
    field.addEventListener("focus", () => field.select());
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(field.value);
        setText(button.lastElementChild, "Copied");
        setTimeout(() => setText(button.lastElementChild, "Copy"), 2_000);
      } catch {
        // The browser forbids it without https: it is chosen, so that one key copies it.
        field.select();
        toasts.show("Press Ctrl+C to copy it.");
      }
    });
  }
}

/** Say in one line what is watched for. state: `waiting`, `ok`, `wrong` */
export function watch(element, state, drawing, ...words) {
  const said = `${state} ${words.map((one) => one.textContent ?? one).join("")}`;
  element.hidden = false;
  if (element.said === said) return;
  element.said = said;
  element.dataset.state = state;
  const line = document.createElement("span");
  line.append(...words);
  element.replaceChildren(icon(drawing), line);
}

/** Show a problem's sentence, or nothing when there is none. */
export function tell(element, sentence = "") {
  setText(element, sentence);
  element.hidden = !sentence;
}

export const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Begin a page; answers its toasts. Its buttons come disabled, so that a click before there is anybody
 * to hear it is not lost, and no form is sent by the browser itself.
 */
export function begin() {
  const toasts = new Toasts();
  new Theme();
  inlineSprites();
  wordTimes();
  setInterval(() => wordTimes(), MINUTE_MS / 2);
  copyButtons(toasts);
  queueMicrotask(() => {
    for (const button of document.querySelectorAll("main button, dialog button")) button.disabled = false;
  });
  return toasts;
}
