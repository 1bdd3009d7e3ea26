// Keeps the state filled: fetches what the screen needs and what an event asks for, once at a time.

import { api, Problem, Unreachable } from "./api.js";

const COUNT_PAUSE_MS = 800;
const PAGE = 50;

export class Sync {
  constructor(state) {
    this.state = state;
    this.running = new Map();
    this.failedGates = new Set();
  }

  /** Run `work` unless the same is under way, which is then waited for, and run once more if `again`. */
  once(name, work, { again = false } = {}) {
    const known = this.running.get(name);
    if (known) {
      known.again ||= again;
      return known.done;
    }
    const entry = { again: false };
    this.running.set(name, entry);
    entry.done = this.run(name, work, entry);
    return entry.done;
  }

  async run(name, work, entry) {
    try {
      await work();
    } catch (error) {
      // A line that is down is said by the banner, and all of it is asked again when it is back.
      if (!(error instanceof Unreachable) && !(error instanceof Problem)) throw error;
    } finally {
      this.running.delete(name);
      if (entry.again) this.once(name, work);
    }
  }

  /** The first page of the chosen list. */
  list() {
    const key = this.state.listKey();
    const { status, kind } = this.state.filter;
    return this.once(`list ${key}`, async () => {
      const since = this.state.tick;
      const page = await api.conversations({ status, kind, limit: PAGE });
      this.state.putList(key, page, { since, first: true });
    });
  }

  moreOfList() {
    const key = this.state.listKey();
    const list = this.state.lists.get(key);
    if (!list?.has_more) return undefined;
    const { status, kind } = this.state.filter;
    return this.once(`list ${key}`, async () => {
      const since = this.state.tick;
      const page = await api.conversations({ status, kind, limit: PAGE, cursor: list.next_cursor });
      this.state.putList(key, page, { since });
    });
  }

  conversation(id) {
    const work = async () => {
      const since = this.state.tick;
      this.state.putConversation(await api.conversation(id), since);
      this.state.changed();
    };
    return this.once(`conversation ${id}`, work, { again: true });
  }

  /** The newest page of a thread; drops older pages, which are fetched again as one scrolls. */
  thread(id) {
    return this.once(`thread ${id}`, () => this.pageOfThread(id, { limit: PAGE }, { first: true }));
  }

  olderOfThread(id) {
    const thread = this.state.threads.get(id);
    if (!thread?.has_more) return undefined;
    const query = { limit: PAGE, cursor: thread.next_cursor };
    return this.once(`thread ${id}`, () => this.pageOfThread(id, query, { first: false }));
  }

  /** Fetch one page, and once more when an event passed it by on its way. */
  async pageOfThread(id, query, { first }) {
    let since;
    do {
      since = this.state.tick;
      this.state.putThread(id, await api.messages(id, query), { since, first });
    } while (this.state.missedSince(id, since));
  }

  gate(id) {
    const work = async () => {
      try {
        const gate = await api.gate(id);
        this.failedGates.delete(id);
        this.state.putGate(id, gate);
      } catch (error) {
        // What was true before is not known to be true now.
        this.failedGates.add(id);
        this.state.gates.delete(id);
        this.state.changed();
        throw error;
      }
    };
    return this.once(`gate ${id}`, work, { again: true });
  }

  counts() {
    clearTimeout(this.counting);
    this.counting = setTimeout(() => {
      this.once("counts", async () => this.state.putUnread((await api.counts()).unread_conversations));
    }, COUNT_PAUSE_MS);
  }

  channels() {
    return this.once("channels", async () => {
      for (const channel of await api.channels()) this.state.channels.set(channel.id, channel);
      this.state.changed();
    });
  }

  read(id, through) {
    return this.once(`read ${id}`, async () => this.state.putRead(id, await api.read(id, through)));
  }

  /** All that one conversation needs on the screen. */
  opened(id) {
    if (!this.state.conversations.has(id)) this.conversation(id);
    if (!this.state.threads.has(id)) this.thread(id);
    this.gate(id);
  }

  /** What an event asks for, as `state.apply` answered. */
  after({ conversation, gates, channels }) {
    const { selected, gates: known } = this.state;
    if (conversation) this.conversation(conversation);
    if (channels) this.channels();
    if (!gates) return;
    for (const id of [...known.keys()]) if ((gates === "all" || gates.includes(id)) && id !== selected) known.delete(id);
    if (selected && (gates === "all" || gates.includes(selected))) this.gate(selected);
  }

  /** After a gap that cannot be bridged: what is on the screen, anew. */
  async everything() {
    const { selected } = this.state;
    this.state.forget();
    this.counts();
    await Promise.all([
      this.list(),
      ...(selected ? [this.conversation(selected), this.thread(selected), this.gate(selected)] : []),
      this.channels(),
    ]);
  }
}
