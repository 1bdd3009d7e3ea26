// Files chosen for a message: checked against what the channel takes, uploaded at once, cancellable.

import { upload } from "./api.js";
import { characters, plainName, size } from "./lib/text.js";

const KIND_WORDS = { image: "pictures", video: "videos", audio: "audio files", document: "files", sticker: "stickers" };

const kindOf = (mime) => {
  const [kind] = mime.split("/");
  return ["image", "video", "audio"].includes(kind) ? kind : "document";
};

/**
 * Why a channel does not take a file, as a sentence; null when it does.
 *
 * chosen  how many files the message has already
 */
export function refusal(file, channel, chosen) {
  const { label, media, max_attachments: most } = channel;
  if (most === 0 || media.length === 0) return `${label} takes no files here.`;
  if (chosen >= most) return `${label} takes ${most === 1 ? "one file" : `at most ${most} files`} in a message.`;
  const kind = kindOf(file.type);
  const fits = ({ mimes }) => mimes.includes(file.type) || mimes.includes("*/*");
  const limit = media.find(fits) ?? null;
  if (!limit) {
    const takes = [...new Set(media.flatMap((entry) => entry.mimes))].map((mime) => mime.split("/")[1].toUpperCase());
    const same = media.find((entry) => entry.kind === kind);
    const what = same ? `${KIND_WORDS[kind]} of this sort` : (KIND_WORDS[kind] ?? "files of this sort");
    return `${label} does not take ${what}. It takes ${takes.slice(0, 6).join(", ")}${takes.length > 6 ? " and others" : ""}.`;
  }
  if (file.size > limit.max_bytes) {
    return `${plainName(file.name) || "This file"} has ${size(file.size)}; ${label} takes ${KIND_WORDS[limit.kind]} up to ${size(limit.max_bytes)}.`;
  }
  if (file.size === 0) return `${plainName(file.name) || "This file"} is empty.`;
  return null;
}

/** Why a text is too long for a channel, as a sentence; null when it is not. */
export function tooLong(text, channel, withFiles) {
  const limit = withFiles ? channel.text.caption_chars : channel.text.max_chars;
  const length = characters(text);
  if (length <= limit) return null;
  if (withFiles && limit === 0) return `${channel.label} takes no text with a file. Send them one after the other.`;
  return `${channel.label} takes ${limit} characters${withFiles ? " with a file" : ""}; this has ${length}.`;
}

/** The files of each conversation's draft. They live as long as the page. */
export class Uploads {
  constructor(onChange) {
    this.onChange = onChange;
    this.trays = new Map();
  }

  of(conversation) {
    return this.trays.get(conversation) ?? [];
  }

  ready(conversation) {
    return this.of(conversation).every((item) => item.state === "ready");
  }

  /** Begin to upload a file. The caller has asked `refusal`. */
  add(conversation, file) {
    const isPicture = file.type.startsWith("image/");
    const item = {
      key: crypto.randomUUID(),
      file,
      name: plainName(file.name) || "Picture",
      size: file.size,
      preview: isPicture ? URL.createObjectURL(file) : null,
    };
    this.trays.set(conversation, [...this.of(conversation), item]);
    this.start(conversation, item);
  }

  async start(conversation, item) {
    const { done, cancel } = upload(item.file, (share) => this.change(item, { progress: share }));
    this.change(item, { state: "uploading", progress: 0, cancel, problem: null });
    try {
      const attachment = await done;
      this.change(item, { state: "ready", attachment: { ...attachment, state: "ready", ...(item.preview && { preview: item.preview }) } });
    } catch (error) {
      if (error.name === "AbortError") return;
      // What the server would not take as it is, it will not take a second time either.
      const canTryAgain = error.status !== 422;
      this.change(item, { state: "failed", problem: error.sentence ?? "The upload was interrupted.", canTryAgain });
    }
  }

  change(item, change) {
    Object.assign(item, change);
    this.onChange();
  }

  again(conversation, key) {
    const item = this.of(conversation).find((known) => known.key === key);
    if (item) this.start(conversation, item);
  }

  remove(conversation, key) {
    const item = this.of(conversation).find((known) => known.key === key);
    item?.cancel?.();
    if (item?.preview) URL.revokeObjectURL(item.preview);
    this.trays.set(conversation, this.of(conversation).filter((known) => known.key !== key));
    this.onChange();
  }

  /** Hand the finished files over to a message; their previews stay for its bubble. */
  take(conversation) {
    const files = this.of(conversation).map((item) => item.attachment);
    this.trays.delete(conversation);
    return files;
  }

  /** Put the files of a refused message back. */
  restore(conversation, files) {
    const items = files.map((file) => ({
      key: crypto.randomUUID(),
      name: plainName(file.name) || "Picture",
      size: file.size_bytes,
      preview: file.preview ?? null,
      state: "ready",
      attachment: file,
    }));
    this.trays.set(conversation, [...items, ...this.of(conversation)]);
    this.onChange();
  }
}
