// What a refusal rests on, wherever one is explained.

import { make } from "../lib/dom.js";
import { exact, moment } from "../lib/time.js";

const METHODS = {
  keyword: "a keyword we know",
  natural_language: "in their own words",
  provider: "told by the provider",
  agent: "written down by an agent",
};

/** What a decision rests on: the contact's own words, when and how, and the way to them. */
export function evidence({ text, at, method, message_id: message }, show) {
  const when = make("time", { datetime: at, title: exact(at) }, moment(at));
  const how = METHODS[method] ? `, ${METHODS[method]}` : "";
  return [
    ...(text ? [make("q", { class: "evidence__words", dir: "auto" }, text), " "] : []),
    make("span", { class: "evidence__how" }, when, how),
    ...(message ? [" ", make("button", { class: "link", type: "button", onclick: () => show(message) }, "Show the message")] : []),
  ];
}
