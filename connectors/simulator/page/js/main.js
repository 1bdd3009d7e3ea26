// Puts the phones on the shelf and passes on what happens.

import * as api from "./api.js";
import { FaultPanel } from "./faults.js";
import { Phone } from "./phone.js";

const shelf = document.getElementById("shelf");
const tabs = document.getElementById("tabs");
const state = document.getElementById("state");
const phones = new Map();
const narrow = matchMedia("(max-width: 760px)");
let chosen = 0;
const faults = new FaultPanel(document.getElementById("faults"));

const name = (account) => `${account.kind} ${account.account}`;

/** Tell the providers which threads a person can see now: those read what comes at once. */
function tellOpen() {
  const visible = document.visibilityState === "visible" ? [...phones.values()] : [];
  const seen = narrow.matches ? visible.filter((_, index) => index === chosen) : visible;
  api.show(seen.map((phone) => phone.key).filter(Boolean)).catch(() => {});
}

function choose(index) {
  chosen = index;
  [...phones.values()].forEach((phone, at) => {
    phone.root.classList.toggle("phone--chosen", at === index);
    tabs.children[at].setAttribute("aria-pressed", String(at === index));
    if (at === index) phone.appear();
  });
  tellOpen();
}

function arrange() {
  const all = [...phones.values()];
  if (!all.length) {
    shelf.replaceChildren(document.getElementById("empty-shelf").content.cloneNode(true));
    tabs.replaceChildren();
    return;
  }
  shelf.replaceChildren(...all.map((phone) => phone.root));
  tabs.replaceChildren(
    ...all.map((phone, index) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.className = "tabs__tab";
      tab.textContent = phone.account.label;
      tab.addEventListener("click", () => choose(index));
      return tab;
    }),
  );
  choose(Math.min(chosen, all.length - 1));
}

/** Everything anew: at the start, after a lost connection, and when an account or customer appears. */
async function load() {
  const accounts = await api.accounts();
  const known = new Set(accounts.map(name));
  for (const key of phones.keys()) if (!known.has(key)) phones.delete(key);
  for (const account of accounts) {
    if (!phones.has(name(account))) phones.set(name(account), new Phone(account, tellOpen));
  }
  arrange();
  faults.setKinds(accounts);
  await Promise.all([...phones.values()].map((phone) => phone.load()));
}

let loading = null;
let again = false;

/** One load at a time; what asks meanwhile is served by one more. */
function reload() {
  if (loading) {
    again = true;
    return;
  }
  loading = load()
    .catch((error) => tellState(false, error.message))
    .finally(() => {
      loading = null;
      if (again) {
        again = false;
        reload();
      }
    });
}

function tellState(open, text) {
  state.textContent = text ?? (open ? "Connected" : "The simulator is not answering. Trying again…");
  state.classList.toggle("top__state--lost", !open);
}

function hear(event) {
  faults.hear(event);
  if (["welcome", "resync", "account", "customer"].includes(event.type)) reload();
  else for (const phone of phones.values()) phone.hear(event);
}

document.addEventListener("visibilitychange", tellOpen);
narrow.addEventListener("change", tellOpen);
api.listen(hear, tellState);
