// What a message is more than text, as cards within its bubble: a place, people, a form, an order …

import { icon, make, setIcon } from "../lib/dom.js";
import { coordinate, money, plainName, webAddress } from "../lib/text.js";

const ROWS_SHOWN = 20;
const COPIED_MS = 2_000;
const SHARES = { reel: "Reel", post: "Post", story: "Story", link: "Link", product: "Product" };
const SOURCES = {
  ad: "Came from an ad",
  post: "Came from a post",
  link: "Came by a link",
  chat_plugin: "Came from the chat on a website",
  product: "Came from a product",
};

// Types of which the text is the server's wording of what the card shows.
const TOLD_BY_CARD = { location: "location", contacts: "contacts", share: "share", story: "story" };

/** The words to show beside the cards: what somebody wrote, not what we wrote in place of a card. */
export function ownWords({ type, text, content }) {
  if (!content) return text;
  if (content.form || content[TOLD_BY_CARD[type]]) return "";
  if (content.order) return content.order.text ?? "";
  if (content.choice && [content.choice.title, content.choice.id].includes(text.trim())) return "";
  return text;
}

/** The cards of a message, in the order of reading; none for plain text. */
export function cards({ content, type, direction }) {
  if (!content) return [];
  const shares = content.shares ?? (content.share ? [content.share] : []);
  return [
    content.story && storyCard(content.story, { mention: type === "story", direction }),
    ...shares.map(shareCard),
    ...templateHead(content.template),
    content.location && placeCard(content.location),
    ...(content.contacts ?? []).map(contactCard),
    content.choice && choiceChip(content.choice, direction),
    content.form && formCard(content.form),
    content.order && orderCard(content.order),
  ].filter(Boolean);
}

/** What stands below the words of a message of ours: buttons, a list, the small line; as they see it. */
export function offered({ content }) {
  if (!content) return [];
  const { template, buttons = [], list, link, location_request: request } = content;
  const footer = content.footer ?? template?.footer;
  return [
    footer && make("p", { class: "offered__footer", dir: "auto" }, plainName(footer)),
    ...buttons.map(({ title: words }) => pressable("reply", words)),
    ...(template?.buttons ?? []).map(({ type, title: words, url }) => (url ? leading(words, url) : pressable(BUTTON_ICONS[type] ?? "reply", words))),
    link && leading(link.title, link.url),
    ...(list ? [listed(list)] : []),
    request && pressable("map-pin", "Send location"),
  ].filter(Boolean);
}

/** The line above a bubble that says what led somebody here; null where nothing did. */
export function referralLine({ content }) {
  const { source, url, headline, text, ref } = content?.referral ?? {};
  if (!content?.referral) return null;
  const named = headline ?? (source === "product" ? ref : null);
  const words = SOURCES[source] ?? `Came from “${plainName(source)}”`;
  const exactly = named ? `${words.replace("an ad", "the ad").replace("a p", "the p")} “${plainName(named)}”` : words;
  const line = make("span", { title: text ? plainName(text) : null }, source ? exactly : "Came from elsewhere");
  return [icon("megaphone"), line, ...outside(url, "Show it")];
}

/** "Forwarded", where somebody else wrote it. */
export const forwardedWords = ({ content }) =>
  content?.forwarded ? (content.forwarded === "often" ? "Forwarded many times" : "Forwarded") : null;

// ---- Cards.

function card(kind, name, ...lines) {
  return make("div", { class: `card card--${kind}` }, icon(name), make("div", { class: "card__body" }, ...lines));
}

const title = (text) => make("p", { class: "card__title", dir: "auto" }, plainName(text));
const detail = (...parts) => make("p", { class: "card__detail", dir: "auto" }, ...parts);

/** A link away from here, where the address is one; the other side learns nothing of us. */
function outside(url, label) {
  const href = webAddress(url);
  if (!href) return [];
  const link = make("a", { class: "card__link", href, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
  return [" ", link];
}

function placeCard({ latitude, longitude, name, address }) {
  const at = `${coordinate(latitude)}, ${coordinate(longitude)}`;
  const map = `https://www.openstreetmap.org/?mlat=${coordinate(latitude)}&mlon=${coordinate(longitude)}`;
  return card(
    "place",
    "map-pin",
    title(name ?? address ?? "Location"),
    name && address ? detail(address) : null,
    make("p", { class: "card__detail card__detail--figures" }, at),
    make("p", {}, ...outside(map, "Open in maps").slice(1)),
  );
}

const BUTTON_ICONS = { copy_code: "copy", phone: "user" };

/** What a template shows above its words; its picture is a file like any other. */
function templateHead(template) {
  if (!template) return [];
  const place = template.parameters?.["header.location"];
  return [template.header && make("p", { class: "offered__header", dir: "auto" }, plainName(template.header)), place && placeCard(place)];
}

/** A button of theirs: it is shown, and not pressed here. */
function pressable(name, words) {
  return make("span", { class: "offered__button" }, icon(name), make("bdi", {}, plainName(words)));
}

function leading(words, url) {
  const href = webAddress(url);
  const label = href ? make("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, plainName(words)) : make("bdi", {}, plainName(words));
  return make("span", { class: "offered__button" }, icon("link"), label);
}

function listed({ button, sections = [] }) {
  const row = ({ title: words, description }) => make("li", { class: "offered__row" }, make("bdi", {}, plainName(words)), description ? make("p", { class: "card__detail", dir: "auto" }, plainName(description)) : null);
  const section = ({ title: words, rows = [] }) => [words ? make("p", { class: "card__detail" }, plainName(words)) : null, make("ul", { class: "offered__rows" }, ...rows.map(row))];
  return make("div", {}, pressable("clipboard-list", button), ...sections.flatMap(section));
}

function contactCard({ name, phones = [], emails = [] }) {
  const lines = [...phones.map(({ number, type }) => [number, type]), ...emails.map((email) => [email, null])];
  return card("contact", "user", title(name || "Contact"), ...lines.map(([address, type]) => addressLine(address, type)));
}

function addressLine(address, type) {
  const plain = plainName(address);
  const kind = type ? make("span", { class: "card__kind" }, plainName(type).toLocaleLowerCase()) : null;
  return make("p", { class: "card__address" }, make("bdi", {}, plain), kind, copyButton(plain));
}

/** Browsers copy for pages only where the connection is trusted. */
function copyButton(text) {
  if (!navigator.clipboard) return null;
  const label = `Copy ${text}`;
  const button = make("button", { class: "icon-button card__copy", type: "button", "aria-label": label, title: "Copy" }, icon("copy"));
  const show = (name, words) => {
    setIcon(button, name);
    button.setAttribute("aria-label", words);
  };
  button.addEventListener("click", () => {
    navigator.clipboard.writeText(text).then(
      () => show("check", `Copied ${text}`),
      () => show("x", `${text} could not be copied`),
    );
    setTimeout(() => show("copy", label), COPIED_MS);
  });
  return button;
}

function choiceChip({ title: words, id, description }, direction) {
  const done = direction === "inbound" ? "pressed: " : "offered: ";
  const chip = make("span", { class: "choice__chip" }, icon("mouse-pointer-click"), make("span", { class: "choice__how" }, done), make("bdi", {}, plainName(words ?? id)));
  return make("div", { class: "choice" }, chip, description ? detail(plainName(description)) : null);
}

function table(head, rows) {
  return make("table", { class: "card__table" }, make("caption", { class: "visually-hidden" }, head), make("tbody", {}, ...rows));
}

function formCard({ name, values }) {
  const all = Object.entries(values ?? {});
  const row = ([key, value]) =>
    make("tr", {}, make("th", { scope: "row", dir: "auto" }, plainName(key).replaceAll("_", " ")), make("td", { dir: "auto" }, plainName(String(value))));
  const shown = table("Answers", all.slice(0, ROWS_SHOWN).map(row));
  const more = all.length - ROWS_SHOWN;
  return card("form", "clipboard-list", title(`Form: ${name}`), all.length ? shown : detail("Without answers"), more > 0 ? detail(`${more} more`) : null);
}

function orderCard({ items = [] }) {
  const row = ({ product_id: product, quantity, price, currency }) =>
    make(
      "tr",
      {},
      make("td", { class: "card__figure" }, `${quantity ?? 1} ×`),
      make("th", { scope: "row", dir: "auto" }, plainName(product)),
      make("td", { class: "card__figure" }, price === undefined ? "" : money(price, currency)),
    );
  const rows = items.map(row);
  const priced = items.every((item) => item.price !== undefined && item.currency === items[0].currency);
  if (items.length && priced) {
    const sum = items.reduce((total, { price, quantity }) => total + price * (quantity ?? 1), 0);
    rows.push(
      make("tr", { class: "card__sum" }, make("td", {}), make("th", { scope: "row" }, "Together"), make("td", { class: "card__figure" }, money(sum, items[0].currency))),
    );
  }
  return card("order", "shopping-bag", title("Order"), table("Products, with the price of one", rows));
}

function shareCard({ kind, title: words, url }) {
  const label = SHARES[kind] ?? "Shared";
  return card("share", "link", detail(label), words ? title(words) : null, make("p", {}, ...outside(url, "Open it").slice(1)));
}

function storyCard({ url }, { mention, direction }) {
  const whose = direction === "inbound" ? ["their", "your"] : ["your", "their"];
  const words = mention ? `Mentioned ${direction === "inbound" ? "you" : "them"} in ${whose[0]} story` : `Replied to ${whose[1]} story`;
  return card("story", "circle-dashed", detail(words, ...outside(url, "Open it")));
}
