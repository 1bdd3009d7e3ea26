// One channel: its name, credentials, how it behaves, and ending it.

import { api, Problem, Unreachable } from "../api.js";
import { byId, setText } from "../lib/dom.js";
import { begin, tell, wait } from "./common.js";
import { Credentials } from "./credentials.js";

const { channel, kind } = JSON.parse(byId("boot").textContent);
const toasts = begin();
const LOOK_MS = 5_000;

/** Run `work` when the form is sent; refusals are told by `refused`, else as a notice. */
function onSubmit(id, work, refused = (error) => toasts.show(error.sentence ?? error.message)) {
  byId(id)?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("[type=submit]");
    if (button.disabled) return;
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      refused(error);
    } finally {
      button.disabled = false;
    }
  });
}

onSubmit("name-form", async () => {
  const { name } = await api.changeChannel(channel.id, { name: byId("name").value });
  setText(byId("title"), name);
  toasts.show("Saved.");
});

if (byId("credentials")) {
  const credentials = new Credentials(byId("credentials"), { channel, kind, problem: byId("credentials-problem"), replacing: true });
  onSubmit(
    "credentials",
    async () => {
      tell(byId("credentials-problem"));
      const values = credentials.values();
      if (Object.keys(values).length === 0) {
        setText(byId("credentials-status"), "Nothing was changed.");
        return;
      }
      setText(byId("credentials-status"), `Asking ${kind.provider}…`);
      await api.changeChannel(channel.id, { credentials: values });
      // Its health has changed with it.
      location.reload();
    },
    (error) => {
      setText(byId("credentials-status"), "");
      credentials.refuse(error);
    },
  );
}

onSubmit("behaviour", async () => {
  const form = byId("behaviour");
  const change = {};
  const chosen = [...form.querySelectorAll("select")].filter((one) => one.value !== (channel.credentials[one.name] ?? ""));
  if (chosen.length) change.credentials = Object.fromEntries(chosen.map((one) => [one.name, one.value]));
  const stop = byId("provider-stop");
  if (stop) change.provider_stop = stop.checked;
  const saved = await api.changeChannel(channel.id, change);
  channel.credentials = saved.credentials;
  toasts.show("Saved.");
});

byId("recheck")?.addEventListener("click", async (event) => {
  event.currentTarget.disabled = true;
  try {
    await api.changeChannel(channel.id, { connect: true });
    location.reload();
  } catch (error) {
    toasts.show(error.sentence ?? error.message);
    byId("recheck").disabled = false;
  }
});

/** Whether the provider has been asked since `before`; null when that was not seen in time. */
async function pulledSince(before) {
  for (let tries = 0; tries < 20; tries += 1) {
    await wait(1_000);
    const { health, state } = await api.channel(channel.id);
    if (state !== "connected") return false;
    if (health.last_pull_at && health.last_pull_at !== before) return true;
  }
  return null;
}

byId("pull")?.addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const status = byId("pull-status");
  button.disabled = true;
  setText(status, `Asking ${kind.provider}…`);
  try {
    const { health } = await api.pullChannel(channel.id);
    const found = await pulledSince(health.last_pull_at);
    if (found === false) location.reload();
    setText(status, found ? "Done. What was missed is in the inbox." : "It takes longer than usual. You need not wait for it.");
  } catch (error) {
    setText(status, error.sentence ?? error.message);
  } finally {
    button.disabled = false;
  }
});

byId("renew")?.addEventListener("click", async () => {
  try {
    const { verify_token: token } = await api.newVerifyToken(channel.id);
    byId("verify-token").value = token;
    byId("token-place").hidden = false;
    byId("verify-token").focus();
  } catch (error) {
    toasts.show(error.sentence ?? error.message);
  }
});

byId("disconnect")?.addEventListener("click", () => byId("disconnect-dialog").showModal());
byId("disconnect-yes").addEventListener("click", async () => {
  try {
    await api.disconnectChannel(channel.id);
    location.reload();
  } catch (error) {
    byId("disconnect-dialog").close();
    toasts.show(error.sentence ?? error.message);
  }
});

/** What the page says of the channel's health is kept true, but not under somebody's hands. */
async function keepTrue() {
  const shown = ({ state, health }) => JSON.stringify([state, health.tone, health.fix, health.title]);
  const busy = () => document.activeElement?.matches("input, select, textarea") || document.querySelector("dialog[open]");
  for (;;) {
    await wait(LOOK_MS);
    if (document.hidden || busy()) continue;
    try {
      if (shown(await api.channel(channel.id)) !== shown(channel)) location.reload();
    } catch (error) {
      // The next look tells.
      if (!(error instanceof Problem) && !(error instanceof Unreachable)) throw error;
    }
  }
}

keepTrue();
