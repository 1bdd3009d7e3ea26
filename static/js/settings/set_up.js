// Connecting a channel, step by step: what is needed, credentials, the webhook, and a first message.

import { api, Problem, Unreachable } from "../api.js";
import { byId, setText } from "../lib/dom.js";
import { begin, tell, time, wait, watch } from "./common.js";
import { Credentials } from "./credentials.js";

const LOOK_MS = 2_000;
const PULL_MS = 12_000;
// Looking counts as using the page; an admin who has left must be signed out all the same.
const PATIENCE_MS = 10 * 60_000;
const NAMES = ["prepare", "credentials", "webhook", "listen"];
const ANSWERED = {
  queued: "On its way…",
  sent: "Sent.",
  delivered: "It has arrived. This channel works.",
  read: "It has been read. This channel works.",
};

class SetUp {
  constructor({ channel, kind }) {
    this.channel = channel;
    this.kind = kind;
    this.toasts = begin();
    this.path = `/settings/channels/${encodeURIComponent(channel.id)}`;
    this.credentials = new Credentials(byId("credentials"), { channel, kind, problem: byId("credentials-problem") });
    this.buttons();
    this.go(this.first(), { focus: false });
    this.look();
  }

  first() {
    const { state, health, secrets } = this.channel;
    // Who comes back from the provider's page without having signed in has prepared already.
    const entered = this.kind.needs.some((need) => need.origin === "provider" && secrets[need.name]);
    if (state === "draft") return entered ? "credentials" : "prepare";
    if (state !== "connected") return "credentials";
    return health.last_webhook_at ? "listen" : "webhook";
  }

  go(name, { focus = true } = {}) {
    const names = NAMES.filter((one) => byId(`step-${one}`));
    // A kind without a webhook has no step for it.
    const now = Math.max(0, names.indexOf(names.includes(name) ? name : "listen"));
    for (const [at, one] of names.entries()) {
      const step = byId(`step-${one}`);
      step.dataset.state = at < now ? "done" : at === now ? "now" : "waiting";
      if (at === now) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
    this.step = names[now];
    const title = byId(`step-${this.step}`).querySelector(".step__title");
    if (focus) title.focus();
  }

  buttons() {
    byId("prepared").addEventListener("click", () => {
      this.go("credentials");
      byId("credentials").querySelector("input, select")?.focus();
    });
    byId("credentials").addEventListener("submit", (event) => {
      event.preventDefault();
      this.connect();
    });
    byId("pasted")?.addEventListener("click", () => this.go("listen"));
    byId("renew")?.addEventListener("click", () => this.renew());
    byId("back").addEventListener("click", () => this.go("credentials"));
    byId("answer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer();
    });
    byId("discard")?.addEventListener("click", () => this.discard());
  }

  async connect() {
    if (this.connecting) return;
    this.connecting = true;
    tell(byId("credentials-problem"));
    setText(byId("credentials-status"), this.kind.sign_in ? "One moment…" : `Asking ${this.kind.provider}…`);
    try {
      const credentials = this.credentials.values();
      const connect = !this.kind.sign_in;
      this.channel = await api.changeChannel(this.channel.id, { credentials, connect });
      if (this.kind.sign_in) {
        location.assign(`${this.path}/sign-in`);
        return;
      }
      byId("discard-place")?.remove();
      this.forgetSecrets();
      this.go("webhook");
    } catch (error) {
      this.credentials.refuse(error);
    } finally {
      this.connecting = false;
      setText(byId("credentials-status"), "");
    }
  }

  /** They are stored; the page has no more use for them. */
  forgetSecrets() {
    for (const { input } of this.credentials.fields.values()) if (input.type === "password") input.value = "";
    this.credentials.replacing = true;
    for (const field of this.credentials.fields.values()) field.first = field.input.value;
  }

  async renew() {
    try {
      const { verify_token: token } = await api.newVerifyToken(this.channel.id);
      byId("verify-token").value = token;
      byId("renew-line").hidden = true;
    } catch (error) {
      this.toasts.show(error.sentence ?? error.message);
    }
  }

  async discard() {
    try {
      await api.disconnectChannel(this.channel.id);
      location.assign("/settings/channels");
    } catch (error) {
      this.toasts.show(error.sentence ?? error.message);
    }
  }

  // ---- Watching for the provider.

  async look() {
    let seenAt = Date.now();
    for (const type of ["pointermove", "pointerdown", "keydown"]) addEventListener(type, () => (seenAt = Date.now()), { passive: true });
    for (;;) {
      const wanted = ["webhook", "listen"].includes(this.step) && !this.conversation;
      if (wanted && Date.now() - seenAt > PATIENCE_MS) watch(byId("heard"), "paused", "clock", "We listen again as soon as you are back.");
      else if (wanted && !document.hidden) await this.lookOnce();
      await wait(LOOK_MS);
    }
  }

  async lookOnce() {
    try {
      await this.pull();
      const { health } = await api.channel(this.channel.id);
      this.drawHandshake(health);
      await this.drawHeard(health);
    } catch (error) {
      // The next look tells; a page that is out of date says so by itself.
      if (!(error instanceof Problem) && !(error instanceof Unreachable)) throw error;
    }
  }

  /** Who lists what came in is asked now and then: it need not tell us by itself. */
  async pull() {
    if (!this.kind.lists || this.step !== "listen" || Date.now() - (this.pulledAt ?? 0) < PULL_MS) return;
    this.pulledAt = Date.now();
    await api.pullChannel(this.channel.id);
  }

  drawHandshake({ last_handshake_at: at }) {
    const line = byId("handshake");
    if (!line) return;
    if (at) watch(line, "ok", "circle-check", `${this.kind.provider} reached this address `, time(at, "ago"), ".");
  }

  async drawHeard(health) {
    const line = byId("heard");
    byId("back-line").hidden = health.tone !== "stop";
    if (health.tone === "stop") {
      watch(line, "wrong", "octagon-alert", health.text);
      return;
    }
    if (health.last_webhook_at) watch(line, "ok", "circle-check", `${this.kind.provider} has told us something `, time(health.last_webhook_at, "ago"), ".");
    else watch(line, "waiting", "hourglass", "We are listening…");
    if (!health.last_webhook_at && !this.kind.lists) return;
    // What was there before we were is resolved.
    const { data } = await api.conversations({ channel: this.channel.id, status: "open", limit: 1 });
    const inbound = data.find((one) => one.last_message);
    if (!inbound) return;
    this.conversation = inbound;
    if (this.step === "webhook") this.go("listen", { focus: false });
    setText(byId("trial-who"), `${inbound.contact.name} wrote:`);
    setText(byId("trial-text"), inbound.last_message.text || "(no text)");
    byId("trial").hidden = false;
    watch(line, "ok", "circle-check", "The first message is here.");
  }

  // ---- The answer, by the same way as every message.

  async answer() {
    const text = byId("answer-text").value.trim();
    const line = byId("answered");
    const button = byId("answer").querySelector("button");
    button.disabled = true;
    try {
      const sent = await api.send(this.conversation.id, { client_id: crypto.randomUUID?.() ?? String(Math.random()), text });
      await this.follow(sent, line);
    } catch (error) {
      watch(line, "wrong", "octagon-alert", error.sentence ?? error.message);
      button.disabled = false;
    }
  }

  async follow(sent, line) {
    let message = sent;
    // Where nobody ever tells that something has arrived, it is done once it is sent.
    const told = this.kind.reports.includes("delivered");
    const ends = ["delivered", "read", "failed", "unknown", ...(told ? [] : ["sent"])];
    while (message && !ends.includes(message.status)) {
      watch(line, message.status === "sent" ? "ok" : "waiting", message.status === "sent" ? "check" : "hourglass", ANSWERED[message.status] ?? "…");
      await wait(LOOK_MS / 2);
      const { data } = await api.messages(this.conversation.id, { limit: 10 });
      message = data.find((one) => one.id === sent.id);
    }
    if (message?.status === "failed") watch(line, "wrong", "octagon-alert", message.error?.reason ?? "It was not delivered.");
    else if (message?.status === "sent") watch(line, "ok", "circle-check", "Sent. This channel works. ", this.onwards());
    else watch(line, "ok", "circle-check", ANSWERED[message?.status] ?? "Sent.", " ", this.onwards());
    byId("step-listen").dataset.state = "now";
    // The button that was pressed is off, and lost the focus by that.
    if (document.activeElement === document.body) line.querySelector("a")?.focus();
  }

  onwards() {
    const link = document.createElement("a");
    link.href = `/app/c/${encodeURIComponent(this.conversation.id)}`;
    setText(link, "Go on in the inbox");
    return link;
  }
}

new SetUp(JSON.parse(byId("boot").textContent));
