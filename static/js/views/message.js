// The one place that draws a message: bubble, files, ticks, and what can be done about it.

import { attachmentAddress } from "../api.js";
import { icon, make, piece, setIcon, setText, setTime } from "../lib/dom.js";
import { characters, firstName, linked, plainName, size } from "../lib/text.js";
import { clock, exact } from "../lib/time.js";
import { EMPTY, summary, takenBack, unshown } from "../lib/words.js";
import { drawActs } from "./acts.js";
import { cards, forwardedWords, offered, ownWords, referralLine } from "./content.js";
import { drawMail } from "./mail.js";

const TICKS = {
  queued: ["clock", "Waiting to be sent"],
  sent: ["check", "Sent"],
  delivered: ["check-check", "Delivered"],
  read: ["check-check", "Read"],
  failed: ["octagon-alert", "Not sent"],
  unknown: ["octagon-alert", "Not certain"],
};
const STEPS = [
  ["sent", "Sent"],
  ["delivered", "Delivered"],
  ["read", "Read"],
  ["failed", "Failed"],
];
const FILE_ICONS = { audio: "music", video: "video", image: "image-off", sticker: "image-off" };
const FILE_WORDS = { audio: "Audio", video: "Video", image: "Picture", sticker: "Sticker" };
const PICTURES = new Set(["image", "sticker"]);
const PICTURE_EDGE = 288;
const FOLD_FROM = 4_000;

export function createMessage() {
  const { root, parts } = piece("message");
  root.parts = parts;
  return root;
}

/**
 * Draw `item` into an element of `createMessage`.
 *
 * item     { message, first, last }: place in its group
 * context  { name, me, quoted(id), intentions }: the contact's name, and who looks at it
 */
export function drawMessage(element, item, context) {
  const { message, first, last } = item;
  const { parts } = element;
  element.classList.toggle("message--first", first);
  element.classList.toggle("message--last", last);
  if (element.drawn === message) return;
  const before = element.drawn;
  element.drawn = message;
  element.dataset.direction = message.direction;
  element.dataset.status = message.status;
  element.id = message.id ? `m-${message.id}` : "";
  element.classList.toggle("message--edited", Boolean(message.edited_at) && !message.deleted_at);
  drawAuthor(parts, message, context);
  drawCarried(parts, before, message);
  if (!sameWords(before, message)) {
    drawText(parts, message, context);
    drawMail(parts, message, context);
  }
  drawQuote(parts, message, context);
  drawReactions(element, message, context);
  drawFiles(parts, before?.attachments, message, context);
  drawMeta(parts, message);
  drawActs(element, message, context);
  drawBelow(parts.below, message, context);
}

/** A bubble by itself, of a message that is not sent yet; to be looked at only. */
export function drawBubble(message) {
  const { parts } = piece("message");
  const intentions = { enlarge: () => {}, unfold: (change) => change() };
  drawCarried(parts, null, message);
  drawText(parts, message, { name: "", intentions });
  drawFiles(parts, null, message, { intentions });
  return parts.bubble;
}

/** Whose words they are, where their side does not say it; the first of a group says it for all. */
function drawAuthor(parts, message, { me, contact }) {
  const note = message.direction === "note";
  const automatic = message.direction === "outbound" && message.author?.type === "system";
  const colleague = isColleagues(message, me) ? firstName(message.author.name) : "";
  // Of several people who write into one conversation, who is not its contact is named.
  const joined = message.direction === "inbound" && message.author?.id && message.author.id !== contact;
  const other = joined ? plainName(message.author.name ?? "") : "";
  parts.author.hidden = !note && !automatic && !colleague && !other;
  if (note) parts.author.replaceChildren(icon("sticky-note"), `Note · ${plainName(message.author?.name ?? "")}`);
  else setText(parts.author, automatic ? "Sent automatically" : colleague || other);
  if (message.direction === "outbound" && !automatic) {
    parts.bubble.title = message.author?.name ? plainName(message.author.name) : "Sent from another app";
  }
}

/** Written by another agent; what was written in another app has no author with an id. */
const isColleagues = ({ direction, author }, me) =>
  direction === "outbound" && author?.type === "agent" && Boolean(author.id) && author.id !== me.id;

/** What came along with the words: whence, by whom else, and what they are about. */
function drawCarried(parts, before, message) {
  if (before && before.content === message.content && before.type === message.type) return;
  const lead = referralLine(message);
  parts.lead.hidden = !lead;
  parts.lead.replaceChildren(...(lead ?? []));
  const forwarded = forwardedWords(message);
  parts.forwarded.hidden = !forwarded;
  parts.forwarded.replaceChildren(...(forwarded ? [icon("forward"), forwarded] : []));
  const drawn = cards(message);
  parts.cards.hidden = drawn.length === 0;
  parts.cards.replaceChildren(...drawn);
  const below = message.deleted_at ? [] : offered(message);
  parts.offered.hidden = below.length === 0;
  parts.offered.classList.add("offered");
  parts.offered.replaceChildren(...below);
}

const sameWords = (before, message) =>
  before && ["text", "type", "content", "deleted_at"].every((key) => before[key] === message[key]);

function drawText(parts, message, { name, intentions }) {
  const instead = insteadOfText(message, name);
  const text = message.deleted_at ? "" : ownWords(message);
  parts.text.hidden = !text.trim();
  parts.text.replaceChildren(...linked(text));
  foldText(parts, text, intentions);
  const empty = !instead && !text.trim() && message.attachments.length === 0 && parts.cards.hidden;
  parts.instead.hidden = !instead && !empty;
  if (empty) setText(parts.instead, EMPTY);
  else parts.instead.replaceChildren(...(instead ? [icon(message.deleted_at ? "undo-2" : "info"), instead] : []));
  parts.bubble.classList.toggle("bubble--gone", Boolean(message.deleted_at));
  const emoji = /^(\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f){1,8}$/u.test(text);
  parts.bubble.classList.toggle("bubble--emoji", emoji && message.attachments.length === 0 && !holdsMore(message.content));
}

const holdsMore = (content) => Object.keys(content ?? {}).some((key) => key !== "recovered");

/** A flood is shown by its beginning; all of it is there, so that what is in it stays as it is. */
function foldText(parts, text, intentions) {
  const fold = (folded) => {
    parts.text.classList.toggle("bubble__text--folded", folded);
    parts.more.hidden = !folded;
  };
  fold(characters(text) > FOLD_FROM);
  parts.more.onclick = () => intentions.unfold(() => fold(false));
}

/** What stands in place of something that is gone or cannot be shown; null where all is there. */
function insteadOfText(message, name) {
  if (message.deleted_at) return takenBack(message, name);
  const lost = message.content?.kind && message.attachments.length === 0;
  return message.type === "unsupported" || lost ? unshown(message, name) : null;
}

/** On the bubble's edge: each emoji once, with who reacted. */
function drawReactions(element, { reactions = [], deleted_at: gone }, { name }) {
  const shown = gone ? [] : reactions;
  const box = element.parts.reactions;
  box.hidden = shown.length === 0;
  element.classList.toggle("message--reacted", shown.length > 0);
  const who = ({ by }) => (by === "us" ? "Us" : plainName(name));
  const emojis = [...new Set(shown.map(({ emoji }) => emoji))];
  const chips = emojis.map((emoji) => {
    const same = shown.filter((reaction) => reaction.emoji === emoji);
    const by = new Intl.ListFormat().format(same.map(who));
    const told = same.map((reaction) => `${who(reaction)}, ${exact(reaction.at)}`).join("\n");
    const face = make("span", { class: "reaction__emoji" }, emoji);
    return make("li", { class: "reaction", title: told }, face, same.length > 1 ? String(same.length) : null, make("span", { class: "visually-hidden" }, ` by ${by}`));
  });
  box.replaceChildren(...chips);
}

function drawQuote(parts, message, { quoted, intentions, name, me }) {
  const original = message.reply_to ? quoted(message.reply_to) : null;
  parts.quote.hidden = !message.reply_to || Boolean(message.deleted_at);
  if (parts.quote.hidden) return;
  const ours = original && isColleagues(original, me) ? firstName(original.author.name) : "You";
  const who = original?.direction === "inbound" ? name : ours;
  setText(parts["quote-author"], original ? who : "");
  setText(parts["quote-text"], original ? summary(original, name).slice(0, 160) : "An earlier message");
  parts.quote.onclick = (event) => {
    event.preventDefault();
    intentions.jump(message.reply_to);
  };
}

function drawFiles(parts, before, message, { intentions }) {
  const { attachments: files, content } = message;
  parts.files.hidden = files.length === 0;
  parts.bubble.classList.toggle("bubble--picture", files.some((file) => PICTURES.has(file.kind)));
  const stickers = files.length > 0 && files.every((file) => file.kind === "sticker" && file.state !== "failed") && !message.text;
  parts.bubble.classList.toggle("bubble--sticker", stickers);
  if (before === files) return;
  // A file that stays as it was keeps its element: a picture is not loaded twice, a video plays on.
  const known = parts.files.known ?? new Map();
  const next = new Map();
  for (const file of files) {
    const kept = known.get(file.id);
    const same = kept && JSON.stringify(kept.file) === JSON.stringify(file);
    const element = same ? kept.element : drawFile(file, content, intentions);
    // Where the mail's own form is shown, a picture inside of it is no file besides.
    element.classList.toggle("inside-mail", Boolean(file.content_id && content?.mail?.has_html));
    next.set(file.id, { file, element });
  }
  parts.files.known = next;
  parts.files.replaceChildren(...[...next.values()].map(({ element }) => element));
}

function drawFile(file, content, intentions) {
  // A sticker's place is too small for the words of a failure.
  const isCard = file.kind === "sticker" && file.state === "failed";
  if (PICTURES.has(file.kind) && !isCard) return drawPicture(file, content, intentions);
  if (file.state === "ready" && (file.kind === "audio" || file.kind === "video") && !file.preview) {
    const media = make(file.kind, { class: `media media--${file.kind}`, controls: true, preload: "metadata", src: attachmentAddress(file.id) });
    if (file.kind === "audio" && content?.voice) {
      media.setAttribute("aria-label", "Voice message");
      return make("div", { class: "voice", title: "Voice message" }, icon("mic"), media);
    }
    if (file.width && file.height) media.setAttribute("width", String(Math.min(file.width, PICTURE_EDGE)));
    return media;
  }
  return drawCard(file, content);
}

function drawPicture(file, content, intentions) {
  const { root, parts } = piece("picture");
  const source = file.preview ?? attachmentAddress(file.id);
  const [width, height] = fitted(file);
  // Reserved before it loads, so that nothing below it moves.
  root.style.width = `${width}px`;
  root.style.aspectRatio = `${width} / ${height}`;
  const say = (name, words) => {
    parts.state.hidden = !name;
    if (name) parts.state.replaceChildren(icon(name), words);
  };
  parts.image.hidden = file.state !== "ready";
  root.disabled = file.state !== "ready";
  if (file.state === "pending") say("clock", "The picture is on its way");
  else if (file.state === "failed") say("image-off", file.reason ?? "The picture could not be fetched.");
  else {
    const name = plainName(file.name ?? "");
    const what = file.kind === "sticker" ? (content?.animated ? "Animated sticker" : "Sticker") : "Picture";
    parts.image.alt = name ? `${what}: ${name}` : what;
    parts.image.width = width;
    parts.image.height = height;
    parts.image.addEventListener("error", () => {
      parts.image.hidden = true;
      say("rotate-cw", "It did not load. Try again");
    });
    parts.image.src = source;
    root.addEventListener("click", () => {
      if (!parts.image.hidden) intentions.enlarge({ source, name, alt: parts.image.alt });
      else {
        say(null);
        parts.image.hidden = false;
        parts.image.src = `${source}?again=${Date.now()}`;
      }
    });
  }
  return root;
}

/** The size at which a picture is shown: its own, at most so many pixels a side, never a sliver. */
function fitted({ width, height, kind }) {
  const edge = kind === "sticker" ? 144 : PICTURE_EDGE;
  if (!width || !height) return [edge * 0.75, edge * 0.5625];
  const scale = Math.min(1, edge / width, edge / height);
  return [Math.max(96, Math.round(width * scale)), Math.max(64, Math.round(height * scale))];
}

function drawCard(file, content) {
  const { root, parts } = piece("file");
  const failed = file.state === "failed";
  setIcon(root, failed ? "octagon-alert" : (FILE_ICONS[file.kind] ?? "file-text"));
  setText(parts.name, plainName(file.name) || (content?.voice ? "Voice message" : (FILE_WORDS[file.kind] ?? "File")));
  const detail = { pending: "On its way…", failed: file.reason ?? "It could not be fetched.", ready: size(file.size_bytes) };
  setText(parts.detail, detail[file.state] ?? "");
  root.classList.toggle("file--failed", failed);
  if (file.state === "ready" && !file.preview) {
    root.href = attachmentAddress(file.id);
    root.download = "";
  }
  return root;
}

function drawMeta(parts, message) {
  setTime(parts.time, message.sent_at, clock(message.sent_at), exact(message.sent_at));
  parts.edited.hidden = !message.edited_at || Boolean(message.deleted_at);
  if (!parts.edited.hidden) parts.edited.title = `Edited ${exact(message.edited_at)}`;
  if (message.deleted_at) parts.instead.title = `Taken back ${exact(message.deleted_at)}`;
  const tick = message.direction === "outbound" ? TICKS[message.local ? "queued" : message.status] : null;
  parts.tick.hidden = !tick || message.local === "refused";
  if (!tick) return;
  const steps = STEPS.filter(([step]) => message.status_at?.[step]).map(([step, word]) => `${word} ${exact(message.status_at[step])}`);
  const words = message.local === "waiting" ? "Not sent yet" : tick[1];
  parts.tick.dataset.status = message.local ? "queued" : message.status;
  parts.tick.title = steps.length ? steps.join("\n") : words;
  parts.tick.replaceChildren(icon(tick[0]), make("span", { class: "visually-hidden" }, words));
}

/** Under the bubble: what went wrong, what it means, what can be done. */
function drawBelow(below, message, { name, intentions }) {
  const button = (label, onclick) => make("button", { class: "link", type: "button", onclick }, label);
  const say = (tone, words, ...buttons) => {
    below.hidden = false;
    below.dataset.tone = tone;
    below.replaceChildren(make("span", {}, words), ...buttons.flatMap((b) => [" ", b]));
  };
  if (message.local === "refused") {
    say("stop", `Not sent. ${message.problem}`, button("Dismiss", () => intentions.dismiss(message.client_id)));
  } else if (message.local === "waiting") {
    say("warn", "Not sent yet. It goes out when we are back.", button("Discard", () => intentions.discard(message.client_id)));
  } else if (message.status === "queued" && message.error) {
    say("warn", `${message.error.reason} It is tried again by itself.`);
  } else if (message.status === "failed") {
    const again = button("Try again", () => intentions.retry(message));
    say("stop", message.error?.reason ?? "It was not sent.", again);
  } else if (message.status === "unknown") {
    say(
      "warn",
      `Did ${firstName(name)} get this? We could not find out.`,
      button("Mark as sent", () => intentions.markSent(message)),
      button("Send again", () => intentions.retry(message)),
    );
  } else if (message.content?.recovered && !message.deleted_at) {
    say("quiet", `Recovered at ${clock(message.received_at)}: no webhook told us in time.`);
  } else {
    below.hidden = true;
    below.replaceChildren();
  }
}
