// What a message is called where it cannot be shown whole: in the list, in a quote, read aloud.

import { firstName } from "./text.js";

export const EMPTY = "Empty message";

const WITHOUT_TEXT = {
  text: EMPTY,
  image: "Picture",
  video: "Video",
  audio: "Voice message",
  document: "File",
  sticker: "Sticker",
  location: "Location",
  contacts: "Contact card",
  order: "Order",
  share: "Something shared",
  story: "Story",
  unsupported: "A message we cannot show",
};

/** A message in a line: its text, else what it is. `name` is the contact's. */
export function summary(message, name) {
  if (message.deleted_at) return takenBack(message, name);
  return message.text.replace(/\s+/gu, " ").trim() || WITHOUT_TEXT[message.type] || "A message";
}

/** Who of ours took one back elsewhere, nobody tells us. */
export const takenBack = ({ direction }, name) =>
  direction === "inbound" ? `${firstName(name)} took this message back` : "This message was taken back";

const UNSHOWN = {
  poll: "a poll",
  poll_creation: "a poll",
  poll_update: "a vote in a poll",
  event: "an event",
  event_creation: "an event",
  group_invite: "an invitation to a group",
  live_location: "a live location",
  video_note: "a video note",
  ptv: "a video note",
  view_once: "something to be seen once",
  payment: "a payment",
  product: "a product",
  list: "a list",
  edit: "a change to a message",
  location: "a place",
  contacts: "a contact card",
  order: "an order",
  interactive: "an answer to a form or a list",
  ephemeral: "a message that disappears",
  image: "a picture",
  video: "a video",
  audio: "a voice message",
  voice: "a voice message",
  document: "a file",
  file: "a file",
  sticker: "a sticker",
  unknown: null,
  unsupported: null,
};

/** "Maya sent a poll, which cannot be shown here." `kind` is the provider's word, and may be none. */
export function unshown({ direction, type, content }, name) {
  const kind = content?.kind;
  const known = kind && Object.hasOwn(UNSHOWN, kind);
  const what = (known ? UNSHOWN[kind] : kind && `something called “${kind.replaceAll("_", " ").slice(0, 40)}”`) ?? "something";
  const did = type === "unsupported" ? "cannot be shown here" : "did not come through";
  return direction === "inbound" ? `${firstName(name)} sent ${what}, which ${did}.` : `Another app sent ${what}, which ${did}.`;
}
