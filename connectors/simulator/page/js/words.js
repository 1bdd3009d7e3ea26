// How things are worded. Pure.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const time = (at) => TIME.format(new Date(at));

export function day(at, today = new Date()) {
  const date = new Date(at);
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const ago = Math.round((midnight(today) - midnight(date)) / 86_400_000);
  if (ago === 0) return "Today";
  return ago === 1 ? "Yesterday" : DAY.format(date);
}

export function initials(name) {
  // A name may stand in two scripts, "Nadia · نادية": the first is enough.
  const words = name.split("·")[0].split(/\s+/u).filter((word) => /\p{L}/u.test(word));
  const first = words[0] ? [...words[0]][0] : "?";
  const last = words.length > 1 ? [...words.at(-1)][0] : "";
  return (first + last).toLocaleUpperCase();
}

/** A number as people write it; anything else as it is. */
export const number = (text) =>
  text
    .replace(/^\+?1(\d{3})(\d{4})$/, "+1 $1 $2")
    .replace(/^\+?1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");

/** What became of a message, for the line below it: text and tone, or null for nothing to say. */
export function fate(message) {
  if (message.direction === "network") return { text: "from the carrier", tone: "" };
  return message.direction === "inbound" ? sent(message) : received(message);
}

function sent(message) {
  const last = message.deliveries.at(-1);
  switch (message.status) {
    case "sending":
      return { text: "Sending…", tone: "wait" };
    case "delivered":
      return { text: message.seen ? "✓✓ Read" : "✓ Arrived", tone: "ok" };
    case "refused":
      return { text: `✕ Refused with ${last?.status ?? "an error"}`, tone: "bad" };
    case "waiting":
      return { text: "Waiting to be fetched", tone: "wait" };
    case "unreached":
      return { text: "✕ Inbox not reached", tone: "bad" };
    default:
      return message.seen ? { text: "✓✓", tone: "" } : null;
  }
}

function received(message) {
  if (message.failure) return { text: `✕ Not delivered (${message.failure.code})`, tone: "bad" };
  return message.status === "accepted" || message.status === "queued"
    ? { text: "on its way", tone: "wait" }
    : null;
}

/** What came before a message, for the line above it; null for nothing. `quoted` may be unknown. */
export function about({ details, reply_to: to }, quoted) {
  if (details.story === "mention") return "Your story, with the shop in it";
  if (details.story === "reply") return "Replied to the shop’s story";
  if (details.postback) return "Pressed a button";
  if (!to) return null;
  return quoted?.text ? `↩ ${quoted.text}` : "↩ an earlier message";
}

const OWN_APPS = { messenger: "from the Page inbox", instagram: "from the Instagram app" };

/** What else is to be known of a message, for the line below it. */
export function marks(message) {
  const found = [];
  if (message.edits > 0) found.push("Edited");
  if (message.details.by === "app") found.push(OWN_APPS[message.kind] ?? "from the phone app");
  return found;
}

/** The emoji on a message, and who put them there; null for none. */
export function reactions({ reactions: given }) {
  const who = { customer: "You", shop: "The shop" };
  const names = Object.keys(given);
  if (!names.length) return null;
  return {
    text: names.map((name) => given[name]).join(" "),
    label: names.map((name) => `${who[name]} reacted with ${given[name]}`).join(", "),
  };
}

const TOLD = {
  message: "Webhook",
  react: "Reaction",
  unreact: "Reaction",
  edit: "Edit",
  unsend: "Unsending",
  echo: "Echo",
  optin: "Opt-in",
};

const OPERATIONS = {
  message: "Webhook",
  send: "Send",
  media: "File",
  lookup: "Look-up",
  token: "Sign-in",
  history: "Look for news",
  fetch: "Fetching of a mail",
};

/** The line below a phone about a webhook. */
export function wire(event) {
  const what = TOLD[event.operation] ?? `Status “${event.operation}”`;
  if (event.error) {
    const why = { connection: "nobody listens there", timeout: "no answer in time" };
    return { text: `${what} signed, not delivered: ${why[event.error] ?? "connection broke"}`, bad: true };
  }
  const ok = event.status >= 200 && event.status < 300;
  const end = ok ? `delivered in ${event.ms} ms` : `refused with ${event.status}`;
  return { text: `${what} signed and ${end}`, bad: !ok };
}

/** The same about a call of the inbox. */
export function call(event) {
  const bad = event.status === null || event.status >= 400;
  const answer = event.status === null ? "left without an answer" : `answered ${event.status}`;
  return { text: `${OPERATIONS[event.operation]} from the inbox ${answer}`, bad };
}
