// Draws one thread. The only place that draws a message.

import { picture } from "./api.js";
import { about, day, fate, marks, reactions, time } from "./words.js";

const GROUP_MS = 5 * 60_000;

function make(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** `message`, or null for what must not be seen as one: a message with nothing in it. */
function bubble(message, before, after, { fresh, quoted, offered }) {
  const mine = message.direction === "inbound";
  const element = make("article", "bubble");
  element.classList.toggle("bubble--mine", mine);
  element.classList.toggle("bubble--network", message.direction === "network");
  element.classList.toggle("bubble--first", !together(before, message));
  element.classList.toggle("bubble--fresh", fresh);
  const context = about(message, quoted);
  if (context) {
    const line = make("p", "bubble__context", context);
    line.dir = "auto";
    element.append(line);
  }
  const row = make("div", "bubble__row");
  const body = make("div", "bubble__body");
  body.classList.toggle("bubble__body--gone", message.unsent);
  body.classList.toggle("bubble__body--sticker", "sticker" in message.details);
  if (message.details.subject) {
    const subject = make("h3", "bubble__subject", message.details.subject);
    subject.dir = "auto";
    body.append(subject);
  }
  // A mail is kept whole as well, beside the files that are in it.
  for (const media of message.media.filter((one) => one.mime !== "message/rfc822")) {
    if (media.mime.startsWith("image/")) {
      const image = make("img", "bubble__image");
      image.src = picture(media);
      image.alt = mine ? "The picture you sent" : "A picture from the shop";
      image.width = 260;
      image.height = 195;
      body.classList.add("bubble__body--picture");
      body.append(image);
    } else {
      const name = message.details.subject ? media.name : media.mime;
      body.append(make("p", "bubble__text", `${name}, ${media.size_bytes} bytes`));
    }
  }
  const words = message.unsent ? "You unsent this message" : message.text || place(message);
  if (words) {
    const text = make("p", "bubble__text", words);
    text.dir = "auto";
    body.append(text);
  }
  row.append(body);
  if (offered) row.append(more(message));
  element.append(row);
  const emoji = reactions(message);
  if (emoji) {
    const pill = make("div", "bubble__reactions", emoji.text);
    pill.setAttribute("role", "img");
    pill.setAttribute("aria-label", emoji.label);
    element.append(pill);
  }
  const end = fate(message);
  // The time stands once, below the last of a group; what went wrong always stands.
  const told = end?.tone === "bad" || end?.tone === "wait" || marks(message).length > 0;
  if (!together(message, after) || told) {
    element.append(meta(message, end));
  }
  return element;
}

function more(message) {
  const button = make("button", "bubble__more", "⋯");
  button.type = "button";
  button.dataset.id = message.id;
  button.setAttribute("aria-label", "React, reply and more");
  return button;
}

function place({ details }) {
  if (!("latitude" in details)) return "";
  const named = [details.place, details.address].filter(Boolean).join(", ");
  return `📍 ${named || `${details.latitude}, ${details.longitude}`}`;
}

function meta(message, end) {
  const line = make("div", "bubble__meta");
  const at = make("time", "bubble__time", time(message.at));
  at.dateTime = message.at;
  line.append(at, ...marks(message).map((mark) => make("span", "bubble__state", mark)));
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
export function draw(box, all, { fresh, typing, empty, toEnd, offers = () => false }) {
  // A reaction of WhatsApp is a message there, and stands on another one here.
  const messages = all.filter((message) => message.details.type !== "reaction");
  const known = new Map(messages.map((message) => [message.id, message]));
  const atEnd = toEnd || box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const items = [];
  if (!messages.length) items.push(make("p", "thread__empty", empty));
  messages.forEach((message, index) => {
    const before = messages[index - 1];
    if (!before || day(before.at) !== day(message.at)) {
      items.push(make("p", "thread__day", day(message.at)));
    }
    const shown = {
      fresh: fresh.has(message.id),
      quoted: known.get(message.reply_to),
      offered: offers(message),
    };
    items.push(bubble(message, before, messages[index + 1], shown));
  });
  if (typing) items.push(make("p", "typing", "is writing…"));
  const top = box.scrollTop;
  box.replaceChildren(...items);
  box.scrollTop = atEnd ? box.scrollHeight : top;
  return atEnd;
}
