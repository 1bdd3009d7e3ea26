// The one truth of the page. Changed only by events and by what was fetched; views read it.
// Folding the events gives what a fetch would give. Values are replaced, never changed in place,
// so that a view can tell by identity whether there is anything to draw.

const THREADS_KEPT = 30;

export class State {
  constructor(boot) {
    this.me = boot.agent;
    this.workspace = boot.workspace;
    this.cursor = boot.cursor ?? null;
    this.channels = new Map(boot.channels.map((channel) => [channel.id, channel]));
    this.conversations = new Map();
    this.lists = new Map();
    this.threads = new Map();
    this.gates = new Map();
    this.presence = new Map();
    this.connection = "connecting";
    this.database = true;
    this.filter = { status: "open", kind: "" };
    this.selected = null;
    this.unreadElsewhere = null;
    this.listeners = new Set();
    this.tick = 0;
    this.touched = new Map();
    this.missed = new Map();
    this.told = new Map();
  }

  subscribe(listener) {
    this.listeners.add(listener);
  }

  changed() {
    for (const listener of this.listeners) listener();
  }

  // ---- What was fetched. `since` is `state.tick` at the start of the fetch: what events have changed
  // ---- meanwhile is newer than the answer and stays.

  putConversation(conversation, since = this.tick) {
    const known = this.conversations.get(conversation.id);
    if (known && (this.touched.get(conversation.id) ?? 0) > since) return;
    this.conversations.set(conversation.id, withUnread(conversation));
    // A message is told a moment before its conversation is summed up: the answer may be from between.
    for (const newest of this.told.get(conversation.id) ?? []) this.sumUp(conversation.id, newest);
  }

  putList(key, page, { since = this.tick, first = false } = {}) {
    for (const conversation of page.data) this.putConversation(conversation, since);
    const last = page.data.at(-1);
    const before = first ? null : this.lists.get(key);
    this.lists.set(key, {
      next_cursor: page.next_cursor,
      has_more: page.has_more,
      // Below this the list is not loaded yet; a conversation known from elsewhere would leave a hole.
      horizon: page.has_more ? (last?.last_activity_at ?? before?.horizon ?? null) : null,
    });
    this.changed();
  }

  putThread(id, page, { since = this.tick, first = false } = {}) {
    const before = first ? null : this.threads.get(id);
    const messages = new Map(before?.messages);
    const known = this.threads.get(id)?.messages;
    for (const message of page.data) {
      const newer = known?.has(message.id) && (this.touched.get(message.id) ?? 0) > since;
      messages.set(message.id, newer ? known.get(message.id) : message);
    }
    if (first && known) {
      // What came by event while the page was on its way may not be in it.
      for (const [key, message] of known) if ((this.touched.get(key) ?? 0) > since) messages.set(key, message);
    }
    this.threads.delete(id);
    this.threads.set(id, { messages, next_cursor: page.next_cursor, has_more: page.has_more });
    for (const key of this.threads.keys()) {
      if (this.threads.size <= THREADS_KEPT) break;
      if (key !== this.selected) this.threads.delete(key);
    }
    this.changed();
  }

  putGate(id, gate) {
    this.gates.set(id, gate);
    this.changed();
  }

  /** The answer to a post: the message, unless an event has already brought it (and perhaps moved it on). */
  putPosted(message) {
    const thread = this.threads.get(message.conversation_id);
    if (thread && !thread.messages.has(message.id)) this.setMessage(thread, message);
    this.changed();
  }

  putRead(id, { read }) {
    this.update(id, { read });
    this.changed();
  }

  putUnread(number) {
    this.unreadElsewhere = number;
    this.changed();
  }

  /** Forget what cannot be trusted after a gap; the caller fetches what is on the screen. */
  forget() {
    for (const id of this.threads.keys()) if (id !== this.selected) this.threads.delete(id);
    this.gates.clear();
    this.presence.clear();
    for (const key of this.lists.keys()) if (key !== this.listKey()) this.lists.delete(key);
  }

  // ---- What is asked of the page itself.

  select(id) {
    this.selected = id;
    this.changed();
  }

  setFilter(filter) {
    this.filter = { ...this.filter, ...filter };
    this.changed();
  }

  setConnection(connection) {
    this.connection = connection;
    this.changed();
  }

  /** Whether the server reaches its database. */
  setDatabase(database) {
    if (database === this.database) return;
    this.database = database;
    this.changed();
  }

  // ---- Events.

  /** Fold one event. Answers what must be fetched because of it: `{ conversation?, gates?, counts? }`. */
  apply(event) {
    this.tick += 1;
    if (event.cursor) this.cursor = event.cursor;
    const fold = FOLDS[event.type];
    const wanted = fold ? (fold(this, event.data, event) ?? {}) : {};
    this.changed();
    return wanted;
  }

  /** Change keys of a known conversation; the read mark only moves forward. False when it is unknown. */
  update(id, change) {
    const known = this.conversations.get(id);
    if (!known) return false;
    const next = { ...known, ...change };
    if (change.read && known.read && change.read.inbound_seq < known.read.inbound_seq) next.read = known.read;
    this.conversations.set(id, withUnread(next));
    this.touched.set(id, this.tick);
    return true;
  }

  /** The newest message moves its conversation, unless the conversation is further already. One that came late
   * is older than what the list shows. */
  sumUp(id, message) {
    const conversation = this.conversations.get(id);
    if (message.seq <= conversation.last_seq) return;
    this.update(id, {
      ...clocks(this, conversation, message),
      ...(cameLate(message) ? {} : { last_message: preview(message) }),
      last_seq: message.seq,
      inbound_seq: Math.max(conversation.inbound_seq, message.inbound_seq),
      last_activity_at: message.received_at,
    });
  }

  /** An event spoke of a message that is not here: a page of it that is under way may be older. */
  miss(conversation) {
    this.missed.set(conversation, this.tick);
  }

  missedSince(conversation, since) {
    return (this.missed.get(conversation) ?? 0) > since;
  }

  setMessage(thread, message) {
    thread.messages = new Map(thread.messages).set(message.id, message);
    this.touched.set(message.id, this.tick);
  }

  updateMessage(conversation, id, change) {
    const thread = this.threads.get(conversation);
    const message = thread?.messages.get(id);
    if (message) this.setMessage(thread, { ...message, ...change(message) });
    else this.miss(conversation);
    const last = this.conversations.get(conversation)?.last_message;
    if (last?.id === id) {
      const { status, text, deleted_at } = { ...last, ...change(message ?? last) };
      this.update(conversation, { last_message: { ...last, status, text: shortened(text), deleted_at } });
    }
  }

  // ---- Questions.

  listKey(filter = this.filter) {
    return `${filter.status}:${filter.kind}`;
  }

  /** The conversations of the chosen list, newest activity first. `held` stays although it left the list. */
  listed(held = null) {
    const { horizon = null } = this.lists.get(this.listKey()) ?? {};
    const { status, kind } = this.filter;
    const isResolved = status === "resolved";
    return [...this.conversations.values()]
      .filter((c) => {
        if (kind && c.channel.kind !== kind) return false;
        if (c.id === held) return true;
        return (c.status === "resolved") === isResolved && (!horizon || c.last_activity_at >= horizon);
      })
      .sort(byActivity);
  }

  thread(id) {
    const thread = this.threads.get(id);
    if (!thread) return null;
    if (thread.sortedFrom !== thread.messages) {
      thread.sortedFrom = thread.messages;
      thread.sorted = [...thread.messages.values()].sort(byPlace);
    }
    return thread;
  }

  newest(id) {
    return this.thread(id)?.sorted.at(-1) ?? null;
  }

  /** Open conversations with something unread: the server's count moved on by what is known here. */
  unreadConversations() {
    let known = 0;
    for (const c of this.conversations.values()) if (c.status !== "resolved" && c.unread > 0) known += 1;
    const list = this.lists.get("open:");
    if (list && !list.has_more) return known;
    return Math.max(known, this.unreadElsewhere ?? 0);
  }
}

const withUnread = (conversation) => ({
  ...conversation,
  unread: Math.max(0, conversation.inbound_seq - (conversation.read?.inbound_seq ?? 0)),
});

const byActivity = (a, b) =>
  compare(b.last_activity_at, a.last_activity_at) || compare(b.id, a.id);

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function byPlace(a, b) {
  if (a.place !== b.place) return a.place - b.place;
  if (a.direction === "inbound" && b.direction === "inbound") {
    const order = compare(a.sent_at, b.sent_at);
    if (order) return order;
  }
  return a.seq - b.seq;
}

const cameLate = ({ place, seq }) => place < seq;

const shortened = (text) => [...text].slice(0, 160).join("");

function preview(message) {
  return {
    id: message.id,
    seq: message.seq,
    direction: message.direction,
    type: message.type,
    text: shortened(message.text),
    deleted_at: message.deleted_at,
    status: message.status,
    author_name: message.author?.name ?? null,
    at: message.sent_at,
  };
}

function messageCreated(state, message) {
  const id = message.conversation_id;
  const conversation = state.conversations.get(id);
  const thread = state.threads.get(id);
  if (!thread) state.miss(id);
  else if (!thread.messages.has(message.id)) state.setMessage(thread, message);
  remember(state.told, id, message);
  if (!conversation) return { conversation: id };
  state.sumUp(id, message);
  return message.direction === "inbound" ? { gates: [id] } : {};
}

/** Keep the newest of those that came late and of those that did not, the older one first. */
function remember(told, id, message) {
  const known = told.get(id) ?? [];
  const twin = known.find((one) => cameLate(one) === cameLate(message));
  if (twin && twin.seq >= message.seq) return;
  told.set(id, [...known.filter((one) => one !== twin), message].sort((a, b) => a.seq - b.seq));
}

/** Who waits since when, and until when we may answer: the next message of either side moves both. */
function clocks(state, conversation, message) {
  if (message.direction === "outbound" && message.author?.type === "agent") return { waiting_since: null };
  if (message.direction !== "inbound" || message.history) return {};
  const hours = state.channels.get(conversation.channel.id)?.window_hours;
  const closes = hours ? new Date(Date.parse(message.sent_at) + hours * 3_600_000).toISOString() : null;
  const { waiting_since: since, window_closes_at: until } = conversation;
  return { waiting_since: earlier(since, message.sent_at), window_closes_at: until && until > closes ? until : closes };
}

const earlier = (known, other) => (known && known < other ? known : other);

const reactionsChanged = (state, { id, reactions }, event) =>
  state.updateMessage(event.conversation_id, id, () => ({ reactions }));

function channelChanged(state, { id, state: standing, trouble }) {
  const channel = state.channels.get(id);
  if (channel) state.channels.set(id, { ...channel, state: standing, trouble });
  return { gates: "all", channels: !channel };
}

/** These conversations belong to another contact now. */
function rehomed(state, { id, name, conversation_ids: ids }) {
  for (const key of ids) {
    const known = state.conversations.get(key);
    if (known) state.update(key, { contact: { ...known.contact, id, name } });
  }
  return { gates: "all" };
}

/** Two who move it at once may be told of in the other order: the version says which was later. */
function moved(state, { id, status, status_version }, change) {
  const known = state.conversations.get(id);
  if (!known) return status === "resolved" ? {} : { conversation: id };
  if (status_version > known.status_version) state.update(id, { ...change, status, status_version });
  return {};
}

const FOLDS = {
  "conversation.created": (state, data) => {
    if (!state.conversations.has(data.id)) state.putConversation(data);
    state.touched.set(data.id, state.tick);
  },
  "conversation.updated": (state, data) => (state.update(data.id, data) ? {} : { conversation: data.id }),
  "conversation.resolved": (state, data) => moved(state, data, { waiting_since: null }),
  "conversation.reopened": (state, data) => moved(state, data, {}),
  "message.created": messageCreated,
  "message.status_changed": (state, { id, ...change }, event) =>
    state.updateMessage(event.conversation_id, id, () => change),
  "message.retry_requested": (state, { id, status }, event) =>
    state.updateMessage(event.conversation_id, id, () => ({ status, error: null })),
  "message.attachment_ready": (state, { id, attachment }, event) =>
    state.updateMessage(event.conversation_id, id, ({ attachments = [] }) => ({
      attachments: attachments.map((known) => (known.id === attachment.id ? attachment : known)),
    })),
  "message.updated": (state, message, event) =>
    state.updateMessage(event.conversation_id, message.id, () => message),
  "message.deleted": (state, { id, deleted_at }, event) =>
    state.updateMessage(event.conversation_id, id, () => ({ deleted_at, text: "", attachments: [], content: null })),
  "message.reaction_added": reactionsChanged,
  "message.reaction_removed": reactionsChanged,
  "contact.updated": (state, { id, name, handle, picture }, event) => {
    for (const c of state.conversations.values()) {
      if (c.contact.id !== id) continue;
      // The name is the contact's, the handle and the picture those of the one channel it was told on.
      const own = event.conversation_id === c.id ? { handle, picture } : {};
      state.update(c.id, { contact: { ...c.contact, name, ...own } });
    }
  },
  "contact.merged": rehomed,
  "contact.unmerged": rehomed,
  "contact.blocked": () => ({ gates: "all" }),
  "contact.unblocked": () => ({ gates: "all" }),
  "consent.revoked": () => ({ gates: "all" }),
  "consent.granted": () => ({ gates: "all" }),
  "channel.reauthorization_required": channelChanged,
  "channel.connected": channelChanged,
  "channel.degraded": channelChanged,
  "channel.disconnected": channelChanged,
  "channel.recovered": channelChanged,
  "template.status_changed": () => ({ gates: "all" }),
  "typing.changed": (state, data, event) => present(state, event.conversation_id, "typing", data),
  "viewers.changed": (state, data, event) => present(state, event.conversation_id, "viewing", data),
};

function present(state, conversation, what, { agent, on }) {
  if (agent.id === state.me.id) return;
  const people = new Map(state.presence.get(conversation));
  const known = people.get(agent.id) ?? { name: agent.name };
  // A notice of typing may get lost; it holds for a few seconds only.
  const value = on ? (what === "typing" ? Date.now() + 6_000 : true) : false;
  people.set(agent.id, { ...known, [what]: value });
  state.presence.set(conversation, people);
}
