// The REST API as functions. Knows addresses, the CSRF header and how errors look; keeps nothing.

const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
const BASE = "/api/v1";
const TIMEOUT_MS = 20_000;

/** The server's no: `status`, `code`, `detail` as in problem+json. `Unreachable` is not one of these. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? "The server did not accept it.");
    this.status = status;
    this.code = body.code ?? "";
    this.body = body;
  }

  /** The field's own sentence where there is one, else the problem's. */
  get sentence() {
    return this.body.errors?.[0]?.message ?? this.message;
  }
}

/** Says "away" when the server could not reach its database, and "answers" when it could. */
export const service = new EventTarget();

/** No answer came: offline, restarting, or too slow. It may or may not have been done. */
export class Unreachable extends Error {
  constructor() {
    super("The server could not be reached.");
  }
}

export function toSignIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
}

async function call(method, path, { body, query } = {}) {
  const address = new URL(BASE + path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) if (value) address.searchParams.set(name, value);
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Unreachable();
  }
  return read(response.status, await content(response));
}

/** What it says; null where it says nothing. A yes that broke off is as none. */
async function content(response) {
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch {
    if (response.ok) throw new Unreachable();
    return null;
  }
}

function read(status, body) {
  if (status >= 200 && status < 300) {
    service.dispatchEvent(new Event("answers"));
    return body;
  }
  if (status === 503 && body?.code === "store_unavailable") service.dispatchEvent(new Event("away"));
  if (status === 401) toSignIn();
  // Overload and restarts pass: they are the same to a caller as a line that is down.
  if (status === 429 || status === 502 || status === 503 || status === 504) throw new Unreachable();
  throw new Problem(status, body ?? {});
}

const person = (contact) => `/contacts/${encodeURIComponent(contact)}`;
const of = (conversation) => `/conversations/${encodeURIComponent(conversation)}`;

const ofChannel = (id) => `/channels/${encodeURIComponent(id)}`;

export const api = {
  conversations: (query) => call("GET", "/conversations", { query }),
  conversation: (id) => call("GET", of(id)),
  messages: (id, query) => call("GET", `${of(id)}/messages`, { query }),
  gate: (id) => call("GET", `${of(id)}/gate`),
  counts: () => call("GET", "/counts"),
  channels: async () => (await call("GET", "/channels")).data,
  channel: (id) => call("GET", ofChannel(id)),
  beginChannel: (kind) => call("POST", "/channels", { body: { kind } }),
  checkChannel: (body) => call("POST", "/channels/check", { body }),
  changeChannel: (id, body) => call("PATCH", ofChannel(id), { body }),
  disconnectChannel: (id) => call("DELETE", ofChannel(id)),
  pullChannel: (id) => call("POST", `${ofChannel(id)}/pull`, { body: {} }),
  newVerifyToken: (id) => call("POST", `${ofChannel(id)}/verify_token`, { body: {} }),
  send: (id, body) => call("POST", `${of(id)}/messages`, { body }),
  read: (id, through) => call("POST", `${of(id)}/read`, { body: { through } }),
  resolve: (id) => call("POST", `${of(id)}/resolve`, { body: {} }),
  reopen: (id) => call("POST", `${of(id)}/reopen`, { body: {} }),
  retry: (message) => call("POST", `/messages/${encodeURIComponent(message)}/retry`, { body: {} }),
  react: (message, emoji) => call("POST", `/messages/${encodeURIComponent(message)}/reactions`, { body: { emoji } }),
  templates: async (channel) => (await call("GET", `/channels/${encodeURIComponent(channel)}/templates`)).data,
  refreshTemplates: async (channel) => (await call("POST", `/channels/${encodeURIComponent(channel)}/templates/refresh`, { body: {} })).data,
  contacts: (query) => call("GET", "/contacts", { query }),
  contact: (id) => call("GET", person(id)),
  changeContact: (id, body) => call("PATCH", person(id), { body }),
  suggestions: async (id) => (await call("GET", `${person(id)}/suggestions`)).data,
  mergeContacts: (id, contact_id) => call("POST", `${person(id)}/merge`, { body: { contact_id } }),
  unmergeContact: (id, body) => call("POST", `${person(id)}/unmerge`, { body }),
  notSame: (id, contact_id) => call("POST", `${person(id)}/not_same`, { body: { contact_id } }),
  blockContact: (id) => call("POST", `${person(id)}/block`, { body: {} }),
  unblockContact: (id) => call("POST", `${person(id)}/unblock`, { body: {} }),
  markSent: (message) => call("POST", `/messages/${encodeURIComponent(message)}/mark_sent`, { body: {} }),
};

/** The page of a mail's HTML, for a sandboxed frame. */
export const mailAddress = (id, { pictures, theme }) =>
  `${BASE}/messages/${encodeURIComponent(id)}/html?images=${pictures ? 1 : 0}${theme ? `&theme=${theme}` : ""}`;

export const pictureAddress = (id) => `${BASE}/attachments/${encodeURIComponent(id)}`;
export const exportAddress = (id) => `${BASE}/contacts/${encodeURIComponent(id)}/export`;
export const attachmentAddress = (id) => `${BASE}/attachments/${encodeURIComponent(id)}`;

/**
 * Upload one file. XMLHttpRequest, because fetch cannot say how far an upload is.
 *
 * returns  `{ done, cancel }`: a promise of the attachment, and a way to stop
 */
export function upload(file, onProgress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      try {
        resolve(read(request.status, request.response));
      } catch (error) {
        reject(error);
      }
    });
    request.addEventListener("error", () => reject(new Unreachable()));
    request.addEventListener("abort", () => reject(new DOMException("Cancelled", "AbortError")));
    request.open("POST", `${BASE}/attachments`);
    request.responseType = "json";
    request.setRequestHeader("X-CSRF-Token", token);
    request.setRequestHeader("Accept", "application/json");
    const form = new FormData();
    form.append("file", file, file.name || "picture.png");
    request.send(form);
  });
  return { done, cancel: () => request.abort() };
}
