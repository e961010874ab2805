/** Streams with names of their own: added and removed here. */

import { html, useState } from "../vendor/preact.js";
import { post, remove } from "./api.js";
import { title } from "./format.js";
import { Icon } from "./icons.js";
import { Dialog, Question, Refused } from "./parts.js";
import { say } from "./store.js";

const EMPTY = { mint_id: "", name: "", whep: "", token: "" };

export function AddStream() {
  const [open, setOpen] = useState(false);
  return html`<button onClick=${() => setOpen(true)}><${Icon} name="plus" size="14" />Add stream</button>
    ${open && html`<${Form} onClose=${() => setOpen(false)} />`}`;
}

function Form({ onClose }) {
  const [given, setGiven] = useState(EMPTY);
  const [refusal, setRefusal] = useState(null);
  const [busy, setBusy] = useState(false);
  const field = (name) => ({ value: given[name], onInput: (e) => setGiven({ ...given, [name]: e.target.value }) });
  const add = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const filled = Object.entries(given).filter(([, value]) => value !== "");
      const added = await post("/api/streams", Object.fromEntries(filled));
      say(`${title(added, added.mint_id)} is added`);
      onClose();
    } catch (reason) {
      setRefusal(reason);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Add a stream" small onClose=${onClose}>
    <form class="fields" onSubmit=${add}>
      <label class="field"><span>Id</span><input type="text" required maxlength="256" autocomplete="off" ...${field("mint_id")} /></label>
      <label class="field"><span>Name</span><input type="text" maxlength="200" autocomplete="off" ...${field("name")} /></label>
      <label class="field"><span>WHEP address</span>
        <input type="text" inputmode="url" required maxlength="2048" autocomplete="off" placeholder="https://" ...${field("whep")} /></label>
      <label class="field"><span>Bearer token</span><input type="password" maxlength="4096" autocomplete="off" ...${field("token")} /></label>
      ${refusal && html`<${Refused} refusal=${refusal} />`}
      <div class="actions right">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class="primary" disabled=${busy}>Add</button>
      </div>
    </form>
  <//>`;
}

export function RemoveStream({ stream }) {
  const [asked, setAsked] = useState(false);
  const name = title(stream, stream.mint_id);
  const yes = async () => {
    try {
      await remove(`/api/streams/${encodeURIComponent(stream.mint_id)}`);
      say(`${name} is removed`);
    } catch (refusal) {
      say(`${refusal.message}. ${refusal.advice}`, "bad");
    }
  };
  return html`<button class="plain icon" onClick=${() => setAsked(true)} aria-label=${`Remove ${name}`} title="Remove"><${Icon} name="trash" /></button>
    ${asked && html`<${Question} title=${`Remove ${name}?`} verb="Remove" onYes=${yes} onClose=${() => setAsked(false)}>
      Its recordings stay. To record it again, it has to be added with its address and token.<//>`}`;
}
