// One phone: who holds it, their thread, and what they write. Reports intentions, fetches by api.js.

import * as api from "./api.js";
import { Actions } from "./actions.js";
import { MailFields } from "./mail.js";
import { draw } from "./thread.js";
import { call, initials, number, wire } from "./words.js";

const TYPING_MS = 25_000;
const PICTURE_LIMIT = 5 * 1024 * 1024;

export class Phone {
  /** `changed` is called when another customer's thread is shown. */
  constructor(account, changed) {
    this.account = account;
    this.kind = account.kind;
    this.customer = null;
    this.changed = changed;
    this.messages = new Map();
    this.unseen = 0;
    this.file = null;
    this.waiting = null;
    const root = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    root.classList.add(`phone--${account.kind}`);
    root.setAttribute("aria-label", `${account.label} phone`);
    this.root = root;
    this.find = (name) => root.querySelector(`.${name}`);
    this.actions = new Actions(root, account, {
      send: (act) => this.send(act),
      write: (words) => this.write(words),
    });
    this.mail = account.allows.includes("mail") ? new MailFields(root, () => this.ready()) : null;
    this.find("phone__kind").textContent = account.label;
    this.find("phone__account").textContent = account.name;
    this.held(false);
    this.say("Nothing sent yet");
    this.listen();
  }

  get key() {
    return this.customer && [this.account.kind, this.account.account, this.customer.customer_id];
  }

  listen() {
    const text = this.find("composer__text");
    this.find("picker__select").addEventListener("change", (event) => this.choose(event.target.value));
    this.find("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    text.addEventListener("input", () => this.ready());
    text.addEventListener("keydown", (event) => {
      // A mail has lines of its own.
      const sends = this.mail ? event.ctrlKey || event.metaKey : !event.shiftKey;
      if (event.key === "Enter" && sends && !event.isComposing) {
        event.preventDefault();
        this.submit();
      }
    });
    text.addEventListener("paste", (event) => {
      const file = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
      if (file) {
        event.preventDefault();
        this.attach(file);
      }
    });
    this.find("composer__file").addEventListener("change", (event) => {
      if (event.target.files[0]) this.attach(event.target.files[0]);
      event.target.value = "";
    });
    this.find("preview__drop").addEventListener("click", () => this.attach(null));
    for (const button of this.root.querySelectorAll(".quick__word")) {
      button.addEventListener("click", () => this.send({ text: button.dataset.word }));
    }
    this.find("newer").addEventListener("click", () => this.draw({ toEnd: true }));
    this.find("thread").addEventListener("click", (event) => {
      const button = event.target.closest(".bubble__more");
      const message = button && this.messages.get(button.dataset.id);
      if (message) this.actions.open(message, button);
    });
    this.find("thread").addEventListener("scroll", (event) => {
      const box = event.target;
      if (box.scrollHeight - box.scrollTop - box.clientHeight < 40) this.pill(0);
    });
  }

  /** Fetch who may hold this phone, and the thread of whoever does. */
  async load(preferred) {
    this.threads = await api.threads(this.account);
    this.fill();
    const held = this.customer?.customer_id ?? preferred;
    const found = this.threads.find((thread) => thread.customer_id === held) ?? this.threads[0];
    if (found) await this.choose(found.customer_id);
    else this.nobody();
  }

  fill() {
    const options = this.threads.map((thread) => {
      const option = document.createElement("option");
      option.value = thread.customer_id;
      option.textContent = thread.name;
      return option;
    });
    const select = this.find("picker__select");
    select.replaceChildren(...options);
    select.disabled = !options.length;
    if (this.customer) select.value = this.customer.customer_id;
  }

  nobody() {
    this.find("screen__name").textContent = "Nobody yet";
    this.find("avatar").textContent = "–";
    this.held(false);
    draw(this.find("thread"), [], {
      fresh: new Set(),
      empty: "There is no customer with a phone for this channel yet.",
    });
  }

  async choose(id) {
    const thread = this.threads.find((known) => known.customer_id === id);
    const answer = await this.fetched(id);
    if (!answer) return;
    const { waiting } = answer;
    if (this.customer?.customer_id !== id) this.actions.clear();
    this.customer = thread;
    this.held(true);
    this.messages = new Map(answer.messages.map((message) => [message.id, message]));
    this.find("picker__select").value = id;
    this.find("screen__name").textContent = thread.name;
    this.find("screen__name").dir = "auto";
    this.find("screen__handle").textContent = `${number(thread.handle)}, writing to ${number(this.account.address)}`;
    this.find("avatar").textContent = initials(thread.name);
    this.blocked(answer.blocked);
    const first = thread.name.split(" ")[0];
    this.find("composer__text").placeholder = `Write as ${first}`;
    this.find("composer__text").setAttribute("aria-label", `Write as ${first}`);
    this.typing = false;
    this.draw({ toEnd: true });
    this.changed(this);
    for (const event of waiting) this.hear(event);
  }

  /** A thread, and what is heard while it is fetched: the answer may be older. Null for a thread
   *  that nobody waits for any more, as another was chosen. */
  async fetched(id) {
    const waiting = [];
    this.waiting = waiting;
    try {
      const answer = await api.thread(this.account, id);
      return this.waiting === waiting ? { ...answer, waiting } : null;
    } finally {
      if (this.waiting === waiting) this.waiting = null;
    }
  }

  /** Whether anybody holds the phone: without a customer there is nothing to write with. */
  held(held) {
    this.find("picker").hidden = !held;
    this.find("composer").hidden = !held;
    if (this.mail) this.mail.show(held);
    this.find("quick").hidden = !held || this.kind !== "sms";
  }

  /** It was hidden, and had no height to scroll in. */
  appear() {
    if (this.customer) this.draw({ toEnd: true });
  }

  blocked(blocked) {
    this.find("screen__blocked").hidden = !blocked;
  }

  draw({ fresh = new Set(), toEnd = false } = {}) {
    const messages = [...this.messages.values()].sort((a, b) => new Date(a.at) - new Date(b.at));
    const atEnd = draw(this.find("thread"), messages, {
      fresh,
      toEnd,
      typing: this.typing,
      offers: (message) => this.actions.offers(message),
      empty: `No messages yet. Write something and watch it arrive in ${this.account.name}.`,
    });
    this.pill(atEnd ? 0 : this.unseen + fresh.size);
  }

  pill(count) {
    this.unseen = count;
    this.find("newer").hidden = count === 0;
    this.find("newer").textContent = `${count} new ↓`;
  }

  // writing

  ready() {
    const words = this.find("composer__text").value.trim();
    this.find("composer__send").disabled = !this.customer || (!words && !this.file);
  }

  attach(file) {
    if (file && file.size > PICTURE_LIMIT) {
      this.say("A file may have 5 MB at most here.", "bad");
      return;
    }
    this.file = file;
    const image = this.find("preview__image");
    if (image.src) URL.revokeObjectURL(image.src);
    const picture = file?.type.startsWith("image/");
    if (picture) image.src = URL.createObjectURL(file);
    else image.removeAttribute("src");
    image.hidden = !picture;
    this.find("preview__name").hidden = picture;
    this.find("preview__name").textContent = file?.name ?? "";
    const box = this.find("thread");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    this.find("preview").hidden = !file;
    if (atEnd) box.scrollTop = box.scrollHeight;
    this.ready();
    this.find("composer__text").focus();
  }

  /** Have the customer write, beginning with these words. */
  write(words) {
    const text = this.find("composer__text");
    text.value = words;
    this.ready();
    text.focus();
  }

  async submit() {
    const text = this.find("composer__text");
    const words = text.value.trim();
    const file = this.file;
    if (!words && !file) return;
    const message = this.actions.take(words);
    if (this.mail) Object.assign(message, this.mail.take(words));
    text.value = "";
    this.attach(null);
    await this.send(message.edit ? message : { ...message, file });
  }

  /** `file` null, or a picture; the rest as the control API takes it. */
  async send({ file = null, ...rest }) {
    if (!this.customer) return;
    const message = { customer_id: this.customer.customer_id, ...rest };
    try {
      if (file && this.mail) {
        const mime = file.type || "application/octet-stream";
        message.files = [{ name: file.name, mime, content: await api.base64(file) }];
      } else if (file) {
        message.image = await api.base64(file);
      }
      this.say("Signing and sending the webhook…");
      await api.write(this.account, message);
      const { blocked } = await api.thread(this.account, message.customer_id);
      if (this.customer.customer_id === message.customer_id) this.blocked(blocked);
    } catch (error) {
      this.say(error.message, "bad");
    }
  }

  // hearing

  hear(event) {
    if (event.type === "call") {
      if (event.call.account === this.account.account && event.call.kind === this.kind) {
        this.tell(call(event.call));
      }
      return;
    }
    const about = event.type === "message" ? event.message : event;
    if (about.kind !== this.kind || about.account !== this.account.account) return;
    if (this.waiting) {
      this.waiting.push(event);
      return;
    }
    if (!this.customer || about.customer_id !== this.customer.customer_id) return;
    if (event.type === "message") this.received(event.message);
    if (event.type === "wire") this.tell(wire(event));
    if (event.type === "typing") this.writing(event.on !== false);
  }

  received(message) {
    const fresh = this.messages.has(message.id) ? new Set() : new Set([message.id]);
    this.messages.set(message.id, message);
    if (message.direction !== "inbound") this.typing = false;
    this.draw({ fresh, toEnd: fresh.size > 0 && message.direction === "inbound" });
  }

  writing(on) {
    this.typing = on;
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => {
      this.typing = false;
      this.draw();
    }, TYPING_MS);
    this.draw();
  }

  tell({ text, bad }) {
    this.say(text, bad ? "bad" : "ok");
  }

  say(text, tone) {
    this.find("wire__text").textContent = text;
    this.find("wire").classList.toggle("wire--ok", tone === "ok");
    this.find("wire").classList.toggle("wire--bad", tone === "bad");
  }
}
