// Calls the control API, and hears what happens. Knows nothing of the screen.

const ROOT = "/simulator/api";

export const page = crypto.randomUUID();

async function call(method, path, body) {
  const response = await fetch(ROOT + path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error ?? `The simulator answered ${response.status}.`);
  }
  return response.status === 204 ? null : response.json();
}

const of = (phone) => `/accounts/${phone.kind}/${encodeURIComponent(phone.account)}`;

export const accounts = () => call("GET", "/accounts");
export const threads = (phone) => call("GET", `${of(phone)}/threads`);
export const thread = (phone, customer) =>
  call("GET", `${of(phone)}/threads/${encodeURIComponent(customer)}`);
export const write = (phone, message) => call("POST", `${of(phone)}/messages`, message);
export const show = (phones) => call("PUT", `/pages/${page}`, { open: phones });

export const faults = () => call("GET", "/faults");
export const addFault = (script) => call("POST", "/faults", script);
export const clearFaults = () => call("DELETE", "/faults");

/** Calls `heard` for every event, and `state` with whether the stream is open. */
export function listen(heard, state) {
  const source = new EventSource(`${ROOT}/events?page=${page}`);
  source.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  source.addEventListener("open", () => state(true));
  source.addEventListener("error", () => state(false));
}

export const picture = (media) => `/simulator/media/${encodeURIComponent(media.id)}`;

export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",")[1]));
    reader.addEventListener("error", () => reject(new Error("The picture could not be read.")));
    reader.readAsDataURL(file);
  });
}
