// The one connection: hello with the cursor, events in, small notices out, and coming back.
// It knows nothing of what the events mean; whoever made it is told.

const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 15_000;
const SILENCE_MS = 25_000;
const ANSWER_MS = 10_000;

const RESTARTING = 1012;
const SIGNED_OUT = 4001;
const TOO_SLOW = 4008;

export class Socket {
  /**
   * cursor()    where to go on from, or null
   * onEvent(e), onWelcome(frame), onResync(reason), onService(frame)
   * onState(s)  "live", "reconnecting" or "offline"
   * onSignedOut()
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.attempt = 0;
    this.heard = 0;
    addEventListener("online", () => this.reconnectNow());
    addEventListener("offline", () => this.handlers.onState("offline"));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.checkAlive();
    });
    // A page that is kept for the back button may have slept for long.
    addEventListener("pageshow", (event) => event.persisted && this.reconnectNow());
    setInterval(() => this.checkAlive(), 5_000);
  }

  open() {
    clearTimeout(this.timer);
    this.timer = null;
    this.live = false;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const connection = new WebSocket(`${scheme}//${location.host}/ws`, "assent.v1");
    this.connection = connection;
    this.heard = Date.now();
    connection.addEventListener("open", () => {
      this.post({ type: "hello", cursor: this.handlers.cursor() });
    });
    connection.addEventListener("message", ({ data }) => {
      if (connection === this.connection) this.take(data);
    });
    connection.addEventListener("close", ({ code, reason }) => {
      if (connection === this.connection) this.closed(code, reason);
    });
  }

  /** Send a notice if the line is there; passing things (typing, viewing) are not worth keeping. */
  tell(frame) {
    if (this.live) this.post(frame);
    return this.live;
  }

  post(frame) {
    if (this.connection.readyState === WebSocket.OPEN) this.connection.send(JSON.stringify(frame));
  }

  take(data) {
    this.heard = Date.now();
    const frame = JSON.parse(data);
    if (frame.type === "welcome") {
      this.attempt = 0;
      this.live = true;
      this.handlers.onWelcome(frame);
      this.handlers.onState("live");
    } else if (frame.type === "resync") this.handlers.onResync(frame.reason);
    else if (frame.type === "service") this.handlers.onService(frame);
    else if (frame.type === "pong" || frame.type === "error") return;
    else this.handlers.onEvent(frame);
  }

  /** A line can be dead without saying so: ask after a silence, and give up on one that does not answer. */
  checkAlive() {
    if (this.timer || !this.connection) return;
    const silence = Date.now() - this.heard;
    if (silence > SILENCE_MS + ANSWER_MS || (!this.live && silence > ANSWER_MS)) this.drop();
    else if (silence > SILENCE_MS) this.post({ type: "ping" });
  }

  drop() {
    const connection = this.connection;
    this.connection = null;
    connection.close();
    this.closed(0, "");
  }

  closed(code, reason) {
    this.live = false;
    if (code === SIGNED_OUT) {
      this.handlers.onSignedOut();
      return;
    }
    this.handlers.onState(navigator.onLine ? "reconnecting" : "offline");
    this.timer = setTimeout(() => this.open(), this.pause(code, reason));
  }

  pause(code, reason) {
    if (code === RESTARTING && this.attempt === 0) {
      this.attempt = 1;
      const told = Number.parseInt(reason, 10);
      if (Number.isFinite(told)) return Math.min(Math.max(told, 0), BACKOFF_LAST_MS) + Math.random() * 200;
    }
    // Too slow is this page's own doing: what was missed is replayed from the cursor at once.
    if (code === TOO_SLOW && this.attempt === 0) {
      this.attempt = 1;
      return Math.random() * BACKOFF_FIRST_MS;
    }
    const ceiling = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** this.attempt);
    this.attempt += 1;
    // Half of it at random, so that a thousand pages do not come back in the same instant.
    return ceiling / 2 + (Math.random() * ceiling) / 2;
  }

  /** Begin anew at once: a line from before the gap may be there and yet lead nowhere. */
  reconnectNow() {
    const before = this.connection;
    this.connection = null;
    before?.close();
    this.attempt = 0;
    this.handlers.onState("reconnecting");
    this.open();
  }
}
