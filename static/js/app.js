// Turns intentions of the views into fetches, notices and navigation, and events into announcements.

import { api, Problem, service, toSignIn, Unreachable, upload } from "./api.js";
import { batched, byId, setText } from "./lib/dom.js";
import { count, firstName, sentence } from "./lib/text.js";
import { setServerTime } from "./lib/time.js";
import { summary } from "./lib/words.js";
import { listen } from "./keyboard.js";
import { Outbox } from "./outbox.js";
import { People, personIntentions } from "./people.js";
import { Socket } from "./socket.js";
import { State } from "./state.js";
import { Sync } from "./sync.js";
import { inMessages, Uploads } from "./uploads.js";
import { ReactionPicker } from "./views/acts.js";
import { Badge } from "./views/badge.js";
import { ChannelTrouble } from "./views/channel_trouble.js";
import { Composer } from "./views/composer.js";
import { Connection } from "./views/connection.js";
import { Contact } from "./views/contact.js";
import { Gate, wording } from "./views/gate.js";
import { Header } from "./views/header.js";
import { Lightbox } from "./views/lightbox.js";
import { Offers } from "./views/offers.js";
import { Roster } from "./views/roster.js";
import { TemplatePicker } from "./views/templates.js";
import { Theme } from "./views/theme.js";
import { Thread } from "./views/thread.js";
import { Toasts } from "./views/toasts.js";

const CLOCK_MS = 20_000;
const NOTICE_MS = 4_000;
const ASK_SOON_MS = 500;
const ASK_AGAIN_MS = 5_000;
const PATH = /^\/app\/c\/([\w-]+)$/u;

export class App {
  constructor(boot) {
    this.state = new State(boot);
    this.sync = new Sync(this.state);
    this.newer = new Map();
    this.seen = new Map();
    this.redraw = batched(() => this.draw());
    this.outbox = new Outbox(boot.agent, {
      onTaken: (message) => this.state.putPosted(message),
      onRefused: (entry, problem) => this.refused(entry, problem),
      onChange: () => this.redraw(),
    });
    this.uploads = new Uploads(() => this.redraw());
    this.people = new People({ changed: () => this.redraw(), say: (text, action) => this.toasts.show(text, action) });
    this.makeViews(boot);
    this.fill(boot);
    this.state.subscribe(this.redraw);
    this.draw();
    this.connect();
    this.listen();
  }

  makeViews(boot) {
    this.roster = new Roster({
      open: (id) => this.open(id),
      filter: (filter) => this.filter(filter),
      more: () => this.sync.moreOfList(),
    });
    this.header = new Header({
      back: () => this.open(null),
      resolve: () => this.resolve(),
      toggleContact: () => this.toggleContact(),
    });
    this.contact = new Contact({
      close: () => this.toggleContact(false),
      showMessage: (id) => this.showMessage(id),
      open: (id) => this.open(id),
      ...personIntentions(this.people),
    });
    this.lightbox = new Lightbox();
    this.thread = new Thread({
      older: () => this.state.selected && this.sync.olderOfThread(this.state.selected),
      seen: (id, message) => this.sawUpTo(id, message),
      retry: (message) => this.act(() => api.retry(message.id)),
      markSent: (message) => this.act(() => api.markSent(message.id)),
      dismiss: (clientId) => this.outbox.settle(clientId),
      discard: (clientId) => this.outbox.settle(clientId),
      enlarge: (picture) => this.lightbox.show(picture),
      attach: (files) => this.composer.attach(files),
      pick: (message, button) => this.reactions.open(message, button, this.channel()?.reactions ?? []),
      quote: (message) => this.composer.quote(message),
    });
    this.gate = new Gate({
      recheck: () => this.sync.gate(this.state.selected),
      readFirst: () => this.readFirst(),
      template: () => this.chooseTemplate(),
      open: (id) => this.open(id),
      showMessage: (id) => this.showMessage(id),
    });
    this.composer = new Composer(boot.agent, this.uploads, {
      send: (draft) => this.send(draft),
      typing: (on) => this.socket.tell({ type: "typing", conversation_id: this.state.selected, on }),
    });
    this.reactions = new ReactionPicker({ react: (message, emoji) => this.act(() => api.react(message.id, emoji)) });
    this.templates = new TemplatePicker({
      list: (channel) => api.templates(channel),
      refresh: (channel) => api.refreshTemplates(channel),
      upload: (file) => upload(file, () => {}).done,
      send: (body, shown, files) => this.sendBody(body, files, shown),
    });
    this.offers = new Offers({
      template: () => this.chooseTemplate(),
      words: () => this.composer.text.value.trim(),
      say: (words) => this.composer.say(words, { stay: true }),
      send: (body, shown, { taken }) => {
        if (taken) this.composer.clear();
        this.sendBody(body, [], shown);
      },
    });
    this.connection = new Connection();
    this.channelTrouble = new ChannelTrouble();
    this.badge = new Badge(boot.workspace);
    this.toasts = new Toasts();
    this.theme = new Theme();
  }

  /** The first content came with the page. */
  fill(boot) {
    this.state.putList(this.state.listKey(), boot.conversations, { first: true });
    const { conversation, thread, gate } = boot;
    const id = conversation?.id ?? PATH.exec(location.pathname)?.[1] ?? null;
    if (conversation) this.state.putConversation(conversation);
    if (conversation && thread) this.state.putThread(id, thread, { first: true });
    if (conversation && gate) this.state.putGate(id, gate);
    if (id) this.open(id, { history: false });
    if (boot.conversations.has_more) this.sync.counts();
  }

  // ---- Drawing.

  draw() {
    const { state } = this;
    const id = state.selected;
    const open = id !== null && state.conversations.has(id);
    byId("conversation-none").hidden = open;
    byId("conversation-body").hidden = !open;
    byId("contact").hidden = !open;
    byId("panes").dataset.page = id ? "thread" : "list";
    this.roster.draw(state);
    this.badge.draw(state);
    this.connection.draw(state);
    this.channelTrouble.draw(state);
    if (!open) {
      this.thread.leave(null);
      return;
    }
    const newer = this.newer.get(id)?.size ?? 0;
    const failed = this.sync.failedGates.has(id);
    this.header.draw(state);
    this.gate.draw(state, { newer, failed });
    const answer = this.answer(id, newer, failed);
    this.offers.draw(this.channel(), { closed: !answer.open, hold: Boolean(answer.hold) });
    this.composer.draw(state, answer);
    this.thread.draw(state, this.outbox.pending(id));
    this.contact.draw(state, this.people.of(state.conversations.get(id).contact.id));
  }

  /** That of the open conversation. */
  channel() {
    const conversation = this.state.conversations.get(this.state.selected);
    return conversation ? (this.state.channels.get(conversation.channel.id) ?? null) : null;
  }

  chooseTemplate() {
    const { conversations, selected, gates } = this.state;
    const channel = this.channel();
    if (channel) this.templates.open(channel, firstName(conversations.get(selected).contact.name), gates.get(selected));
  }

  answer(id, newer, failed) {
    const conversation = this.state.conversations.get(id);
    const channel = this.state.channels.get(conversation.channel.id);
    return wording({ gate: this.state.gates.get(id), conversation, channel, newer, failed });
  }

  // ---- The connection.

  connect() {
    this.socket = new Socket({
      cursor: () => this.state.cursor,
      onEvent: (event) => this.take(event),
      onWelcome: (frame) => this.welcomed(frame),
      onResync: () => this.sync.everything(),
      onService: ({ database }) => this.serviceChanged(database),
      onState: (connection) => {
        this.state.setConnection(connection);
        this.outbox.setLive(connection === "live");
        // A handshake that is refused does not say why; a request does, when one is signed out.
        if (connection === "reconnecting") this.sync.counts();
      },
      onSignedOut: () => toSignIn(),
    });
    this.socket.open();
  }

  /** The server lost or found its database, as it tells or as an answer shows. */
  serviceChanged(database) {
    clearTimeout(this.asking);
    const before = this.state.database;
    this.state.setDatabase(database);
    // A short absence may be over before the server notices it; then nobody tells us so.
    if (!database) this.asking = setTimeout(() => this.sync.counts(), before ? ASK_SOON_MS : ASK_AGAIN_MS);
    if (before || !database) return;
    this.outbox.sendWaiting();
    this.fillGaps();
  }

  /** What could not be fetched while the way to it was closed. */
  fillGaps() {
    const { selected, gates, threads, conversations } = this.state;
    if (!this.state.lists.has(this.state.listKey())) this.sync.list();
    if (!selected) return;
    if (!conversations.has(selected)) this.sync.conversation(selected);
    if (!gates.has(selected)) this.sync.gate(selected);
    if (!threads.has(selected)) this.sync.thread(selected);
  }

  welcomed(frame) {
    setServerTime(frame.server_time);
    // Where the database is away, a frame after the welcome says so.
    this.serviceChanged(true);
    // Without a cursor nothing was replayed; a resync, where it is due, comes by itself.
    if (this.state.cursor === null && !frame.resumed) this.sync.everything();
    this.state.cursor = frame.cursor ?? this.state.cursor;
    this.socket.tell({ type: "viewing", conversation_id: this.state.selected });
    this.fillGaps();
  }

  take(event) {
    if (event.type === "message.created" && event.data.client_id) this.outbox.settle(event.data.client_id);
    const known = this.state.threads.get(event.conversation_id)?.messages.has(event.data.id);
    this.people.heard(event);
    this.sync.after(this.state.apply(event));
    if (event.type === "message.created" && !known) this.announce(event.data);
    // What was read out last may be what is gone.
    if (event.type === "message.deleted") setText(byId("announcer"), "");
    if (event.type === "template.status_changed") this.templates.changed(event.data.channel_id);
    if (event.type === "typing.changed" && event.data.on) setTimeout(this.redraw, 6_100);
    if (this.state.lists.get("open:")?.has_more) {
      const counts = event.type === "message.created" || event.type.startsWith("conversation.");
      if (counts) this.sync.counts();
    }
  }

  announce(message) {
    // What was there before the channel was connected is no news.
    if (message.direction !== "inbound" || message.history) return;
    const name = this.state.conversations.get(message.conversation_id)?.contact.name ?? message.author?.name;
    const here = message.conversation_id === this.state.selected;
    setText(byId("announcer"), here ? `${name}: ${summary(message, name)}` : `New message from ${name}`);
  }

  // ---- Intentions.

  open(id, { history: write = true } = {}) {
    if (id === this.state.selected) {
      if (id) this.composer.text.focus({ preventScroll: true });
      return;
    }
    this.toggleContact(false);
    if (write) history.pushState(null, "", id ? `/app/c/${id}` : "/app");
    const left = this.state.selected;
    this.state.select(id);
    this.socket?.tell({ type: "viewing", conversation_id: id });
    if (id) this.sync.opened(id);
    this.roster.reveal(id ?? left);
    if (!write) return;
    // Where the panes are pages, the focus goes where the eyes go.
    requestAnimationFrame(() => {
      if (!id) this.roster.list.querySelector(`[data-id="${left}"] a`)?.focus({ preventScroll: true });
      else if (matchMedia("(max-width: 767px)").matches) byId("header-name").focus({ preventScroll: true });
    });
  }

  filter(filter) {
    this.state.setFilter(filter);
    if (!this.state.lists.has(this.state.listKey())) this.sync.list();
    this.roster.scroll.scrollTop = 0;
  }

  send({ text, note, reply_to, mail }) {
    const id = this.state.selected;
    if (note) {
      this.outbox.add(id, { text, note: true }, []);
      return;
    }
    const channel = this.state.channels.get(this.state.conversations.get(id).channel.id);
    const parts = inMessages(text, this.uploads.take(id), channel);
    for (const [number, { text: words, files }] of parts.entries()) {
      const attachments = files.length ? { attachments: files.map((file) => file.id) } : {};
      // What is quoted belongs to the first of several messages.
      const quote = reply_to && number === 0 ? { reply_to } : {};
      this.sendBody({ ...(words && { text: words }), ...attachments, ...quote, ...mail }, files);
    }
  }

  /** Send to the open conversation what the API takes, unless they have written since it was read. */
  sendBody(body, files, shown = null) {
    const id = this.state.selected;
    const seen = this.seen.get(id) ?? this.state.newest(id)?.id;
    this.outbox.add(id, { ...body, ...(seen && { seen_through: seen }) }, files, shown);
  }

  refused({ conversation_id: id, body, files }, problem) {
    this.composer.recipients.giveBack(id, body);
    this.composer.giveBack(id, body.text ?? "", Boolean(body.note));
    if (files.length) this.uploads.restore(id, files);
    if (problem.code === "newer_messages") {
      const ids = problem.body.message_ids ?? [];
      this.newer.set(id, new Set(ids.length ? ids : ["unknown"]));
      const thread = this.state.threads.get(id);
      if (ids.some((message) => !thread?.messages.has(message))) this.sync.thread(id);
      this.forgiveNewer(id);
      setText(byId("announcer"), `${sentence(count(ids.length || 1, "new message", "new messages"))}. Your words were not sent; read first.`);
    } else if (problem.status === 403 || problem.status === 409) this.sync.gate(id);
    this.redraw();
  }

  readFirst() {
    const id = this.state.selected;
    const [first] = this.newer.get(id) ?? [];
    this.thread.toEnd();
    this.thread.jump(first);
    this.newer.delete(id);
    this.seen.set(id, this.state.newest(id)?.id);
    // At once: the next key may be the one that sends.
    this.draw();
  }

  /** Go to a message of the open thread, fetching earlier ones until it is there. */
  async showMessage(message) {
    const id = this.state.selected;
    this.toggleContact(false);
    const { threads } = this.state;
    while (this.state.selected === id && !threads.get(id)?.messages.has(message)) {
      const before = threads.get(id)?.messages.size;
      await (threads.has(id) ? this.sync.olderOfThread(id) : this.sync.thread(id));
      if (threads.get(id)?.messages.size === before) {
        this.toasts.show("That message is not in this conversation.");
        return;
      }
    }
    if (this.state.selected !== id) return;
    this.draw();
    this.thread.jump(message);
  }

  sawUpTo(id, message) {
    this.seen.set(id, message.id);
    const conversation = this.state.conversations.get(id);
    this.forgiveNewer(id);
    if (conversation && message.inbound_seq > (conversation.read?.inbound_seq ?? 0)) this.markRead(id, message);
  }

  /** What held a send back has been on the screen: a moment later one may send. */
  forgiveNewer(id) {
    const newer = this.newer.get(id);
    const order = this.state.thread(id)?.sorted.map((message) => message.id);
    if (!newer || !order) return;
    const seen = order.indexOf(this.seen.get(id));
    const isSeen = (key) => order.includes(key) && order.indexOf(key) <= seen;
    if (![...newer].every(isSeen)) return;
    // The bar stays long enough to be read: it says why nothing was sent.
    setTimeout(() => {
      this.newer.delete(id);
      this.redraw();
    }, NOTICE_MS);
  }

  async markRead(id, message) {
    await this.sync.read(id, message.id);
    const latest = this.state.threads.get(id)?.messages.get(this.seen.get(id));
    // Seen further while the first was on its way.
    if (latest && latest.id !== message.id && latest.inbound_seq > message.inbound_seq) this.markRead(id, latest);
  }

  async resolve() {
    const id = this.state.selected;
    const conversation = this.state.conversations.get(id);
    if (!conversation) return;
    const resolved = conversation.status === "resolved";
    const name = firstName(conversation.contact.name);
    const done = await this.act(() => (resolved ? api.reopen(id) : api.resolve(id)));
    if (!done) return;
    const undo = { label: "Undo", run: () => this.act(() => (resolved ? api.resolve(id) : api.reopen(id))) };
    this.toasts.show(resolved ? `${name}'s conversation is open again.` : `Resolved ${name}'s conversation.`, undo);
  }

  /** Do something by the API and take over its answer; say it plainly when that fails. */
  async act(call) {
    const since = this.state.tick;
    try {
      const answer = await call();
      if (answer?.conversation_id) this.state.updateMessage(answer.conversation_id, answer.id, () => answer);
      else if (answer?.channel) this.state.putConversation(answer, since);
      this.state.changed();
      return true;
    } catch (error) {
      if (error instanceof Unreachable) this.toasts.show("The server could not be reached. Nothing was changed.");
      else if (error instanceof Problem) this.toasts.show(error.sentence);
      else throw error;
      return false;
    }
  }

  toggleContact(open = byId("panes").dataset.contact !== "open") {
    byId("panes").dataset.contact = open ? "open" : "closed";
    byId("contact-shade").hidden = !open;
    byId("header-contact").setAttribute("aria-expanded", String(open));
    if (open) byId("contact").querySelector(".contact__close")?.focus();
    else if (byId("contact").contains(document.activeElement)) byId("header-contact").focus();
  }

  // ---- The page itself.

  listen() {
    service.addEventListener("away", () => this.serviceChanged(false));
    service.addEventListener("answers", () => this.state.database || this.serviceChanged(true));
    addEventListener("popstate", () => this.open(PATH.exec(location.pathname)?.[1] ?? null, { history: false }));
    // A file dropped beside the thread must not replace the page.
    for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());
    // Relative times and clocks go on by themselves.
    setInterval(this.redraw, CLOCK_MS);
    byId("rail-help").addEventListener("click", () => byId("help").showModal());
    byId("rail-inbox").addEventListener("click", (event) => {
      event.preventDefault();
      this.open(null);
    });
    const step = (by) => {
      const id = this.roster.neighbour(this.state, by);
      if (id) this.open(id);
      this.roster.reveal(id);
    };
    const inConversation = (act) => () => this.state.selected && act();
    listen({
      j: () => step(1),
      k: () => step(-1),
      r: inConversation(() => this.composer.focus("reply")),
      n: inConversation(() => this.composer.focus("note")),
      e: inConversation(() => this.resolve()),
      "?": () => byId("help").showModal(),
      Escape: (writing) => this.escape(writing),
    });
  }

  /** One step back: the reason, then out of the text, then the pane, then the conversation. */
  escape(writing) {
    if (this.gate.close()) return;
    if (writing) document.activeElement.blur();
    else if (byId("panes").dataset.contact === "open") this.toggleContact(false);
    else if (this.state.selected) this.open(null);
  }
}
