// Draws one thread. The only place that draws a message.

import { picture } from "./api.js";
import { day, fate, time } from "./words.js";

const GROUP_MS = 5 * 60_000;

function make(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** `message`, or null for what must not be seen as one: a message with nothing in it. */
function bubble(message, before, after, fresh) {
  const mine = message.direction === "inbound";
  const element = make("article", "bubble");
  element.classList.toggle("bubble--mine", mine);
  element.classList.toggle("bubble--network", message.direction === "network");
  element.classList.toggle("bubble--first", !together(before, message));
  element.classList.toggle("bubble--fresh", fresh);
  const body = make("div", "bubble__body");
  for (const media of message.media) {
    if (media.mime.startsWith("image/")) {
      const image = make("img", "bubble__image");
      image.src = picture(media);
      image.alt = mine ? "The picture you sent" : "A picture from the shop";
      image.width = 260;
      image.height = 195;
      body.classList.add("bubble__body--picture");
      body.append(image);
    } else {
      body.append(make("p", "bubble__text", `${media.mime}, ${media.size_bytes} bytes`));
    }
  }
  if (message.text) {
    const text = make("p", "bubble__text", message.text);
    text.dir = "auto";
    body.append(text);
  }
  element.append(body);
  const end = fate(message);
  // The time stands once, below the last of a group; what went wrong always stands.
  if (!together(message, after) || end?.tone === "bad" || end?.tone === "wait") {
    element.append(meta(message, end));
  }
  return element;
}

function meta(message, end) {
  const line = make("div", "bubble__meta");
  const at = make("time", "bubble__time", time(message.at));
  at.dateTime = message.at;
  line.append(at);
  if (end) {
    const state = make("span", "bubble__state", end.text);
    if (end.tone) state.classList.add(`bubble__state--${end.tone}`);
    line.append(state);
  }
  return line;
}

function together(one, other) {
  return (
    one !== undefined &&
    other !== undefined &&
    one.direction === other.direction &&
    day(one.at) === day(other.at) &&
    Math.abs(new Date(other.at) - new Date(one.at)) < GROUP_MS
  );
}

/** Redraw `box` with `messages`, oldest first; stay at the end when it was there. */
export function draw(box, messages, { fresh, typing, empty, toEnd }) {
  const atEnd = toEnd || box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const items = [];
  if (!messages.length) items.push(make("p", "thread__empty", empty));
  messages.forEach((message, index) => {
    const before = messages[index - 1];
    if (!before || day(before.at) !== day(message.at)) {
      items.push(make("p", "thread__day", day(message.at)));
    }
    items.push(bubble(message, before, messages[index + 1], fresh.has(message.id)));
  });
  if (typing) items.push(make("p", "typing", "is writing…"));
  const top = box.scrollTop;
  box.replaceChildren(...items);
  box.scrollTop = atEnd ? box.scrollHeight : top;
  return atEnd;
}
