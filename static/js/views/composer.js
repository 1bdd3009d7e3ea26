// Where one writes. It keeps the drafts and reports what is to be sent; whether it may be is the gate's.

import { byId, icon, piece, reconcile, setText } from "../lib/dom.js";
import { keep, recall } from "../lib/storage.js";
import { characters, firstName, segments, sentence, size } from "../lib/text.js";
import { summary } from "../lib/words.js";
import { inMessages, refusal, tooLong } from "../uploads.js";
import { Recipients } from "./recipients.js";

const TYPING_EVERY_MS = 3_000;

export class Composer {
  /**
   * intentions: `send({ text, note, reply_to, mail })`, `typing(on)`
   * uploads: the files of the drafts
   */
  constructor(agent, uploads, intentions) {
    this.prefix = `assent.draft.${agent.id}.`;
    this.uploads = uploads;
    this.intentions = intentions;
    this.form = byId("composer");
    this.text = byId("composer-text");
    this.file = byId("composer-file");
    this.attachButton = byId("composer-attach");
    this.moreButton = byId("composer-more");
    this.quoted = new Map();
    this.sendButton = byId("composer-send");
    this.hint = byId("composer-hint");
    this.count = byId("composer-count");
    this.tray = byId("composer-tray");
    this.modes = this.form.querySelectorAll("[data-mode]");
    this.recipients = new Recipients(() => this.drawSend());
    this.listen();
  }

  listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      // A mail has paragraphs: there Enter is a line, and Ctrl or ⌘ with it sends.
      if (this.isMail && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.send();
    });
    this.text.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      this.attach(files);
    });
    byId("composer-quote-drop").addEventListener("click", () => this.quote(null));
    this.attachButton.addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => {
      this.attach([...this.file.files]);
      this.file.value = "";
    });
    for (const button of this.modes) {
      button.addEventListener("click", () => this.setMode(button.dataset.mode, { focus: true }));
    }
  }

  draw(state, answer) {
    const conversation = state.conversations.get(state.selected);
    if (!conversation) return;
    this.channel = state.channels.get(conversation.channel.id) ?? null;
    this.answer = answer;
    this.name = firstName(conversation.contact.name);
    this.mail = state.gates.get(conversation.id)?.mail ?? null;
    if (this.conversation !== conversation.id) this.restore(conversation.id);
    this.drawAll();
  }

  drawAll() {
    const note = this.mode === "note";
    this.form.dataset.mode = this.mode;
    for (const button of this.modes) button.setAttribute("aria-pressed", String(button.dataset.mode === this.mode));
    const closed = !note && this.closed;
    this.form.classList.toggle("composer--closed", closed);
    this.text.readOnly = closed;
    const label = this.channel?.label ?? "this channel";
    this.text.placeholder = note
      ? "A note for your colleagues. The contact does not see it."
      : closed
        ? "Replies are closed here. A note still works."
        : this.isMail
          ? "Write an answer…"
          : `Write to ${this.name} on ${label}…`;
    this.text.setAttribute("aria-label", note ? "Note" : `Reply to ${this.name}`);
    const files = !note && !closed && this.channel?.max_attachments > 0;
    this.attachButton.hidden = note || !(this.channel?.max_attachments > 0);
    this.attachButton.disabled = !files;
    if (files) this.file.accept = this.channel.media.flatMap((entry) => entry.mimes).join(",");
    this.moreButton.hidden = note || this.moreButton.dataset.none === "yes";
    this.drawQuote(note);
    this.recipients.draw(this.conversation, this.mail, this.isMail && !closed);
    this.drawTray(note);
    this.drawCount(note);
    this.drawSend();
    this.grow();
  }

  get isMail() {
    return this.mode !== "note" && Boolean(this.channel?.mail);
  }

  /** The gate has said no; while it is still thinking one may write, but not send. */
  get closed() {
    return Boolean(this.answer) && !this.answer.open && !this.answer.waiting;
  }

  problem() {
    const note = this.mode === "note";
    const items = note ? [] : this.uploads.of(this.conversation);
    const text = this.text.value.trim();
    if (!text && items.length === 0) return "";
    if (note || !this.channel) return null;
    if (!this.answer?.open) return "";
    if (items.some((item) => item.state === "uploading")) return "Uploading…";
    if (items.some((item) => item.state === "failed")) return "A file could not be uploaded.";
    return (this.isMail && this.recipients.problem()) || tooLong(text, this.channel);
  }

  drawSend() {
    const problem = this.problem();
    this.sendButton.disabled = problem !== null || Boolean(this.answer?.hold && this.mode !== "note");
    const words = this.mode === "note" ? "Keep this note" : this.answer?.queued ? "Send when the channel is back" : "Send";
    this.sendButton.title = `${words} (${this.isMail ? "Ctrl+Enter" : "Enter"})`;
    this.sendButton.setAttribute("aria-label", words);
    if (!this.said) this.say(problem && this.text.value ? problem : this.severalWords());
  }

  /** What is sent as more than one message says so before it is sent. */
  severalWords() {
    if (this.mode === "note" || !this.channel || this.closed) return "";
    const count = inMessages(this.text.value.trim(), this.uploads.of(this.conversation), this.channel).length;
    return count > 1 ? `Goes out as ${count} messages, one after the other.` : "";
  }

  drawCount(note) {
    const text = this.text.value;
    const limits = this.channel?.text;
    let words = "";
    if (!note && limits?.segments && text) {
      const cut = segments(text);
      words = cut.segments > 1 || cut.left < 40 || cut.encoding !== "GSM-7" ? `${cut.left} left · ${cut.segments} ${cut.segments === 1 ? "segment" : "segments"}` : "";
      this.count.title = `${cut.encoding}: ${cut.units} units. Each segment is charged as one SMS.`;
    } else if (!note && limits) {
      const limit = limits.max_chars;
      const left = limit - characters(text);
      words = left < Math.min(200, limit / 5) ? String(left) : "";
      this.count.title = "Characters left";
    }
    setText(this.count, words);
  }

  drawTray(note) {
    const items = note ? [] : this.uploads.of(this.conversation);
    this.tray.hidden = items.length === 0;
    reconcile(this.tray, items, {
      key: (item) => item.key,
      create: (item) => this.upload(item),
      update: drawUpload,
    });
  }

  /** Answer this message, or none. */
  quote(message) {
    if (message) this.quoted.set(this.conversation, message);
    else this.quoted.delete(this.conversation);
    if (message && this.mode === "note") this.setMode("reply", { focus: false });
    this.drawAll();
    this.text.focus();
  }

  drawQuote(note) {
    const message = note ? null : this.quoted.get(this.conversation);
    byId("composer-quote").hidden = !message;
    if (message) setText(byId("composer-quote-words"), `Answering “${summary(message, this.name).slice(0, 120)}”`);
  }

  upload(item) {
    const { root, parts } = piece("tray");
    const conversation = this.conversation;
    root.parts = parts;
    setText(parts.name, item.name);
    parts.remove.setAttribute("aria-label", `Remove ${item.name}`);
    parts.remove.addEventListener("click", () => this.uploads.remove(conversation, item.key));
    parts.again.addEventListener("click", () => this.uploads.again(conversation, item.key));
    if (item.preview) {
      const image = new Image();
      image.src = item.preview;
      image.alt = "";
      parts.thumb.append(image);
    } else parts.thumb.append(icon("file-text"));
    return root;
  }

  typed() {
    this.said = false;
    this.save();
    this.drawCount(this.mode === "note");
    this.drawSend();
    this.grow();
    if (this.mode === "note" || !this.text.value) return;
    const time = Date.now();
    if (time - (this.typedAt ?? 0) < TYPING_EVERY_MS) return;
    this.typedAt = time;
    this.intentions.typing(true);
  }

  grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
  }

  send() {
    this.said = false;
    if (this.sendButton.disabled) {
      this.drawSend();
      if (this.answer?.hold) this.say("Read the new messages first, then send.");
      return;
    }
    const text = this.text.value.trim();
    const note = this.mode === "note";
    this.text.value = "";
    this.save();
    this.typedAt = 0;
    this.intentions.typing(false);
    const quoted = note ? null : this.quoted.get(this.conversation);
    if (!note) this.quoted.delete(this.conversation);
    this.intentions.send({ text, note, reply_to: quoted?.id, mail: this.isMail ? this.recipients.take() : {} });
    if (note) this.setMode("reply", { focus: false });
    this.drawAll();
  }

  attach(files) {
    if (this.mode === "note") {
      this.say("Notes hold text only.");
      return;
    }
    if (this.closed || !this.channel) return;
    for (const file of files) {
      const problem = refusal(file, this.channel, this.uploads.of(this.conversation).length);
      if (problem) this.say(problem, { stay: true });
      else this.uploads.add(this.conversation, file);
    }
    this.text.focus();
  }

  say(words, { stay = false } = {}) {
    this.said = stay;
    setText(this.hint, sentence(words));
    this.hint.classList.toggle("composer__hint--quiet", words === this.severalWords());
    this.hint.title = words;
  }

  setMode(mode, { focus }) {
    this.mode = mode;
    this.said = false;
    this.save();
    this.drawAll();
    if (focus) this.text.focus();
  }

  save() {
    const draft = { text: this.text.value, mode: this.mode };
    keep(this.prefix + this.conversation, draft.text || draft.mode === "note" ? draft : null);
  }

  restore(conversation) {
    const draft = recall(this.prefix + conversation);
    this.conversation = conversation;
    this.mode = draft?.mode ?? "reply";
    this.text.value = draft?.text ?? "";
    this.said = false;
    this.typedAt = 0;
  }

  /** Give back the words of a message that was not sent, before those written since. */
  giveBack(conversation, text, note) {
    const draft = recall(this.prefix + conversation);
    const joined = [text, draft?.text].filter(Boolean).join("\n");
    keep(this.prefix + conversation, { text: joined, mode: note ? "note" : "reply" });
    if (this.conversation === conversation) {
      this.restore(conversation);
      this.drawAll();
    }
  }

  /** The words went another way. */
  clear() {
    this.text.value = "";
    this.save();
    this.drawAll();
  }

  focus(mode) {
    if (this.mode !== mode) this.setMode(mode, { focus: false });
    this.text.focus();
  }
}

function drawUpload(element, item) {
  const { parts } = element;
  const uploading = item.state === "uploading";
  const failed = item.state === "failed";
  element.classList.toggle("upload--failed", failed);
  parts.progress.hidden = !uploading;
  parts.progress.value = item.progress ?? 0;
  parts.again.hidden = !failed || !item.canTryAgain;
  setText(parts.detail, failed ? item.problem : uploading ? `${Math.round((item.progress ?? 0) * 100)} %` : size(item.size));
}
