// What a mail shows besides its words: who it is from and to, what is folded, and its HTML in a frame
// that can run nothing and reach nobody.

import { mailAddress } from "../api.js";
import { icon, make, setText } from "../lib/dom.js";
import { plainName } from "../lib/text.js";

const LINE_PX = 22;
// Between two paragraphs.
const GAP_PX = 8;
// About as many as fit, so that some room is left rather than a line hidden.
const CHARS_A_LINE = 68;
const CHARS_A_NARROW_LINE = 36;
const PICTURE_PX = 160;
const FRAME_MIN = 40;
const FRAME_MAX = 460;
const narrow = matchMedia("(max-width: 767px)");
// Sorts that are made to be looked at; what a person writes reads best as words.
const DESIGNED = new Set(["list"]);

/** Draw the mail of `message` into the parts of its bubble; nothing where it is none. */
export function drawMail(parts, message, { contact, handle, intentions }) {
  const mail = message.deleted_at ? null : message.content?.mail;
  parts.mail.hidden = !mail;
  parts["mail-head"].hidden = true;
  if (!mail) {
    parts.mail.replaceChildren();
    return;
  }
  drawHead(parts["mail-head"], message, mail, { contact, handle });
  const designed = mail.has_html && (DESIGNED.has(mail.sort) || !message.text.trim());
  const view = { formatted: designed, pictures: false, unfolded: false, tall: false };
  const draw = () => drawBody(parts, message, mail, view, change);
  const change = (what) => intentions.unfold(() => {
    const focused = parts.mail.contains(document.activeElement);
    Object.assign(view, what);
    draw();
    // What was pressed may be gone: the way back stands in its place.
    const back = "unfolded" in what ? ".mail__fold" : ".mail__buttons button:last-child";
    if (focused) parts.mail.querySelector(back)?.focus({ preventScroll: true });
  });
  draw();
}

function drawHead(head, message, mail, { contact, handle }) {
  const lines = [];
  if (mail.subject && (mail.subject_changed || message.direction === "outbound")) {
    lines.push(make("span", { class: "mail__subject", dir: "auto" }, plainName(mail.subject)));
  }
  if (message.direction === "inbound" && message.author?.id && message.author.id !== contact) {
    lines.push(line("From", [mail.from]));
  }
  const alone = (mail.to ?? []).length === 1 && (message.direction === "inbound" || mail.to[0] === handle);
  const others = !alone || (mail.cc ?? []).length > 0 || (mail.bcc ?? []).length > 0;
  if (others) {
    for (const [label, key] of [["To", "to"], ["Cc", "cc"], ["Bcc", "bcc"]]) {
      if (mail[key]?.length) lines.push(line(label, mail[key]));
    }
  }
  if (mail.automated && message.direction === "inbound") lines.push(make("span", { class: "mail__line" }, "Sent automatically"));
  head.hidden = lines.length === 0;
  head.replaceChildren(...lines);
}

const line = (label, addresses) =>
  make("span", { class: "mail__line" }, make("span", { class: "mail__label" }, `${label} `), addresses.map(plainName).join(", "));

function drawBody(parts, message, mail, view, change) {
  const button = (words, onclick, more = {}) => make("button", { class: "link mail__button", type: "button", onclick, ...more }, words);
  const shown = [];
  const buttons = [];
  parts.text.hidden = view.formatted || !message.text.trim();
  parts.more.hidden = view.formatted || !parts.text.classList.contains("bubble__text--folded");
  // What has no words but a form is not empty.
  if (mail.has_html && !message.text.trim()) parts.instead.hidden = true;
  parts.bubble.classList.toggle("bubble--mail", view.formatted);
  if (view.formatted) {
    const theme = document.documentElement.dataset.theme ?? "";
    const key = `${message.id} ${view.pictures} ${theme}`;
    const kept = parts.mail.querySelector("iframe");
    const shownFrame = kept?.dataset.key === key ? kept : frame(message, view, theme, key);
    // Set again only when asked for: a frame that was dragged stays as it is.
    if (kept !== shownFrame || view.sized !== view.tall) {
      shownFrame.style.blockSize = view.tall ? "80dvh" : `${height(message, mail, view)}px`;
      view.sized = view.tall;
    }
    shown.push(shownFrame);
    if (mail.remote_images && !view.pictures) {
      shown.push(
        make("p", { class: "mail__note" }, icon("image-off"),
          "Pictures are not loaded: who sent this may learn from them that you opened it. ",
          button("Show pictures", () => change({ pictures: true }))),
      );
    }
    buttons.push(button(view.tall ? "Make it smaller" : "Make it taller", () => change({ tall: !view.tall })));
    buttons.push(button("Show as text", () => change({ formatted: false })));
  } else {
    if (mail.folded) {
      const words = view.unfolded ? "Hide what is quoted" : "Show what is quoted";
      buttons.push(button("…", () => change({ unfolded: !view.unfolded }), { "aria-expanded": String(view.unfolded), "aria-label": words, title: words, class: "mail__fold" }));
      if (view.unfolded) shown.push(make("div", { class: "mail__folded", dir: "auto" }, mail.folded.replace(/^\s*\n|\s+$/g, "")));
    }
    if (mail.has_html) buttons.push(button("Show formatted", () => change({ formatted: true })));
    if (mail.html_dropped) shown.push(make("p", { class: "mail__note" }, icon("info"), "Its formatting was too large to keep."));
  }
  parts.mail.replaceChildren(...shown, ...(buttons.length ? [make("div", { class: "mail__buttons" }, ...buttons)] : []));
  parts.mail.hidden = shown.length + buttons.length === 0;
}

function frame(message, view, theme, key) {
  const element = make("iframe", {
    class: "mail__frame",
    title: "The mail as it was formatted",
    sandbox: "allow-popups allow-popups-to-escape-sandbox",
    referrerpolicy: "no-referrer",
    loading: "lazy",
    src: mailAddress(message.id, { pictures: view.pictures, theme }),
  });
  element.dataset.key = key;
  return element;
}

/** The frame cannot tell how tall it is, for nothing runs in it: the words say it well enough, and its corner can be dragged. */
function height(message, mail, view) {
  const fit = narrow.matches ? CHARS_A_NARROW_LINE : CHARS_A_LINE;
  const words = `${message.text}\n\n${mail.folded ?? ""}`.trim().replace(/\n\s*\n/g, "\n\n");
  let all = LINE_PX;
  for (const one of words.split("\n")) {
    all += one ? Math.ceil(one.length / fit) * LINE_PX : GAP_PX;
  }
  const inside = message.attachments.filter((file) => file.content_id).length;
  const remote = mail.remote_images && view.pictures ? 2 : 0;
  return Math.min(FRAME_MAX, Math.max(FRAME_MIN, all + (inside + remote) * PICTURE_PX));
}

/** The words of a subject; a mail may have none. */
export const subjectWords = (subject) => plainName(subject).trim() || "(no subject)";

export const setSubject = (element, subject) => {
  element.hidden = subject === null || subject === undefined;
  if (!element.hidden) setText(element, subjectWords(subject));
};
