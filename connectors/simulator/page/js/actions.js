// What the customer can do to one message: the menu beside a bubble, and the line above the composer
// that says what is being answered or edited. Reports intentions; sends nothing itself.

const EMOJI = ["❤️", "😆", "😮", "😢", "👍"];
const EDITS = 5;

function make(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  if (text !== undefined) element.textContent = text;
  if (tag === "button") element.type = "button";
  return element;
}

const mine = (message) => message.direction === "inbound";
const plain = (message) => mine(message) && message.text && !message.details.postback;

export class Actions {
  /** `send` takes what is done at once; `write` is told when words are wanted, with those to begin with. */
  constructor(root, account, { send, write }) {
    this.allows = new Set(account.allows ?? []);
    this.send = send;
    this.write = write;
    this.about = null;
    this.menu = make("div", "actions");
    this.menu.popover = "auto";
    this.menu.setAttribute("role", "group");
    this.menu.setAttribute("aria-label", "This message");
    this.line = make("div", "about");
    this.line.hidden = true;
    this.words = make("p", "about__words");
    this.words.dir = "auto";
    const drop = make("button", "about__drop", "Cancel");
    drop.addEventListener("click", () => this.drop());
    this.line.append(this.words, drop);
    root.querySelector(".composer").before(this.line);
    root.querySelector(".screen").append(this.menu);
    this.thread = root.querySelector(".thread");
    this.thread.addEventListener("scroll", () => this.close());
  }

  /** Whether there is anything to do to this message. */
  offers(message) {
    if (message.unsent || message.direction === "network" || message.status === "sending") return false;
    return this.choices(message).length > 0 || this.allows.has("reaction");
  }

  choices(message) {
    const can = (act) => this.allows.has(act);
    const choices = [];
    if (can("reply_to")) choices.push(["Reply", () => this.begin("reply", message)]);
    if (can("edit") && plain(message) && message.edits < EDITS) {
      choices.push(["Edit", () => this.begin("edit", message)]);
    }
    if (can("unsend") && mine(message)) {
      choices.push(["Unsend", () => this.send({ unsend: message.id })]);
    }
    return choices;
  }

  open(message, button) {
    const items = [];
    if (this.allows.has("reaction")) items.push(this.emoji(message));
    for (const [label, act] of this.choices(message)) {
      const item = make("button", "actions__item", label);
      item.addEventListener("click", () => {
        this.close();
        act();
      });
      items.push(item);
    }
    this.menu.replaceChildren(...items);
    this.menu.showPopover();
    this.place(button);
    this.menu.querySelector("button").focus();
  }

  emoji(message) {
    const row = make("div", "actions__emoji");
    for (const emoji of EMOJI) {
      const button = make("button", "actions__react", emoji);
      const chosen = message.reactions.customer === emoji;
      button.setAttribute("aria-label", `React with ${emoji}`);
      button.setAttribute("aria-pressed", String(chosen));
      button.addEventListener("click", () => {
        this.close();
        this.send({ reaction: { to: message.id, emoji: chosen ? null : emoji } });
      });
      row.append(button);
    }
    return row;
  }

  /** Below the button, or above it where there is no room; never outside the phone. */
  place(button) {
    const at = button.getBoundingClientRect();
    const { width, height } = this.menu.getBoundingClientRect();
    const below = at.bottom + height + 12 < innerHeight;
    const phone = this.thread.getBoundingClientRect();
    const middle = at.left + at.width / 2 - width / 2;
    const left = Math.min(Math.max(phone.left + 8, middle), phone.right - width - 8);
    this.menu.style.left = `${left}px`;
    this.menu.style.top = `${below ? at.bottom + 4 : at.top - height - 4}px`;
  }

  close() {
    if (this.menu.matches(":popover-open")) this.menu.hidePopover();
  }

  begin(mode, message) {
    this.about = { mode, message };
    const text = message.text || "a picture";
    this.words.textContent = mode === "edit" ? "Editing your message" : `Replying to “${text}”`;
    const box = this.thread;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    this.line.hidden = false;
    this.write(mode === "edit" ? message.text : "");
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  /** Forget what is being answered or edited; what was begun of an edit goes with it. */
  drop() {
    const edited = this.about?.mode === "edit";
    this.clear();
    if (edited) this.write("");
  }

  clear() {
    this.about = null;
    this.line.hidden = true;
    this.close();
  }

  /** The message to send of these words, once: an edit, a reply, or just the words. */
  take(text) {
    const about = this.about;
    this.clear();
    if (about?.mode === "edit") return { edit: { of: about.message.id, text } };
    return about ? { text, reply_to: about.message.id } : { text };
  }
}
