// Building and changing elements. Text goes in as text; structure comes from the page's <template>s.

import { address } from "./sprites.js";

export const byId = (id) => document.getElementById(id);

/** Clone `<template id="piece-NAME">`; answers its root and its elements marked `data-part`. */
export function piece(name) {
  const root = byId(`piece-${name}`).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const element of root.querySelectorAll("[data-part]")) parts[element.dataset.part] = element;
  return { root, parts };
}

/** A small element: `make("p", { class: "x", title: "y" }, "text", child)`. Null children are passed over. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

function drawing(className, href) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", href);
  svg.append(use);
  return svg;
}

export const icon = (name) => drawing("icon", address("icon", name));

const KINDS = new Set(["whatsapp", "sms", "messenger", "instagram", "gmail"]);
const glyph = (kind) => (KINDS.has(kind) ? kind : "other");

export const mark = (kind) => drawing(`mark mark--${glyph(kind)}`, address("channel", glyph(kind)));

/** Make an existing mark show another kind. */
export function setMark(svg, kind) {
  svg.setAttribute("class", `mark mark--${glyph(kind)}`);
  svg.querySelector("use").setAttribute("href", address("channel", glyph(kind)));
}

export function setIcon(holder, name) {
  const href = address("icon", name);
  const use = holder.querySelector("use");
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}

/** Write text only where it differs, so that selections and live regions are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A `<time>` that says one thing and tells the exact instant on hover. */
export function setTime(element, instant, text, title) {
  setText(element, text);
  if (element.dateTime !== instant) element.dateTime = instant;
  if (title && element.title !== title) element.title = title;
}

/**
 * Make the children of `parent` those of `items`, in order, keeping elements whose key stays.
 *
 * create(item)  a new element for it
 * update(element, item)  called for new and kept ones
 */
export function reconcile(parent, items, { key, create, update }) {
  const kept = parent.kept ?? new Map();
  const next = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    const element = kept.get(id) ?? create(item);
    update(element, item);
    next.set(id, element);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const [id, element] of kept) if (!next.has(id)) element.remove();
  parent.kept = next;
  return next;
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Call `draw` once before the next paint, however often it was asked for; hidden tabs do not paint. */
export function batched(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    const run = () => {
      asked = false;
      draw();
    };
    if (document.hidden) queueMicrotask(run);
    else requestAnimationFrame(run);
  };
}
