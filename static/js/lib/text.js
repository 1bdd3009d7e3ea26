// Pure functions for text: links, sizes, names, and how many SMS segments a text needs.

import { make } from "./dom.js";

const LINK = /https?:\/\/[^\s<>"“”]+/gu;
// A closing mark at the end of a sentence is not part of its address.
const TRAILING = /[.,;:!?'’)\]}»]+$/u;

// Marks that turn the reading direction; in a name or an address they disguise what it is.
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Names and file names without marks that could disguise them. */
export const plainName = (text) => (text ?? "").replace(BIDI, "");

/** Nodes of a text in which web addresses are links; everything stays text. */
export function linked(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(TRAILING, "");
    if (!URL.canParse(address) || address !== plainName(address)) continue;
    nodes.push(document.createTextNode(text.slice(from, match.index)));
    nodes.push(make("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address));
    from = match.index + address.length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

/** Where a link leads, when it is a web address that shows what it is; else null. */
export function webAddress(text) {
  if (!text || text !== plainName(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
}

/** Degrees with five places, which is a metre. */
export const coordinate = (degrees) => Number(degrees).toFixed(5);

/** An amount with its currency as the reader writes it; a word that is no currency stands beside it. */
export function money(amount, currency) {
  if (!/^[A-Z]{3}$/u.test(currency ?? "")) return [amount, currency].filter((part) => part !== undefined && part !== null).join(" ");
  return new Intl.NumberFormat(navigator.languages, { style: "currency", currency }).format(amount);
}

/** Whether something is a phone number or a mail address, and not a provider's own id. */
export const isAddress = (text) => /^\+\d|@/u.test(text ?? "");

/** A number of the seven or ten digits of the North American plan as people write it; else as it is. */
export const number = (text) => text.replace(/^\+1 ?(\d{3})?(\d{3})(\d{4})$/u, (_, ...parts) => ["+1", ...parts.slice(0, 3).filter(Boolean)].join(" "));

export const initial = (name) => {
  const letter = [...plainName(name)].find((character) => /\p{L}/u.test(character));
  return letter ? letter.toLocaleUpperCase() : "#";
};

/** "Maya" of "Maya Ortiz"; a handle stays whole, also one behind its service ("RCS · +1 …"). */
export function firstName(name) {
  const plain = plainName(name);
  return /^\p{L}/u.test(plain) && !/@| · \+\d/u.test(plain) ? plain.split(/\s+/u)[0] : plain;
}

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} kB`;
  const megabytes = bytes / 1024 / 1024;
  return `${megabytes < 10 ? Number(megabytes.toFixed(1)) : Math.round(megabytes)} MB`;
}

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** "one new message", "12 new messages". */
export function count(number, one, many) {
  return `${WORDS[number] ?? number} ${number === 1 ? one : many}`;
}

export const sentence = (text) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

/** Length as a person counts: one for an emoji. Limits of channels are counted so. */
export const characters = (text) => [...text].length;

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENDED = new Set("\f^{}\\[~]|€");

/**
 * How a text is cut into SMS segments: `{ encoding, units, segments, left }`.
 *
 * GSM-7 where every character is in it, else UCS-2. Neither an escape pair nor a surrogate pair may
 * straddle two segments, so a segment can hold one unit fewer. `left` is the room in the last one.
 */
export function segments(text) {
  const letters = [...text];
  const gsm = letters.every((letter) => BASIC.has(letter) || EXTENDED.has(letter));
  const cost = gsm ? (letter) => (EXTENDED.has(letter) ? 2 : 1) : (letter) => letter.length;
  const [single, joined] = gsm ? [160, 153] : [70, 67];
  const units = letters.reduce((sum, letter) => sum + cost(letter), 0);
  const encoding = gsm ? "GSM-7" : "UCS-2";
  if (units === 0) return { encoding, units, segments: 0, left: single };
  if (units <= single) return { encoding, units, segments: 1, left: single - units };
  let total = 1;
  let filled = 0;
  for (const letter of letters) {
    if (filled + cost(letter) > joined) {
      total += 1;
      filled = 0;
    }
    filled += cost(letter);
  }
  return { encoding, units, segments: total, left: joined - filled };
}
