/** Streams with names of their own: added and removed here. */

import { html, useState } from "../vendor/preact.js";
import { addressOf, post, remove } from "./api.js";
import { title } from "./format.js";
import { Icon } from "./icons.js";
import { Dialog, Question, Refused } from "./parts.js";
import { say } from "./store.js";

const EMPTY = { mint_id: "", name: "", from: "whep", whep: "", token: "", url: "", whip: "", passphrase: "", key: "", kdf: "" };

const FROM = [
  ["whep", "A WHEP server"], ["url", "RTMP, SRT, RTSP or a file"], ["whip", "A publisher, who sends it here (WHIP)"],
  ["e2ee", "An end-to-end encrypted LiveKit room"],
];

/** The body of these fields; what belongs to another origin is left out. */
function source({ mint_id, name, from, whep, token, url, whip, passphrase, key, kdf }) {
  const given = {
    whep: { whep, ...(token && { token }) },
    url: { url },
    whip: { whip },
    e2ee: { e2ee: { ...(passphrase && { passphrase }), ...(key && { key }), ...(kdf && { kdf }) } },
  };
  return { mint_id, ...(name && { name }), ...given[from] };
}

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
      const added = await post("/api/streams", source(given));
      say(`${title(added, added.mint_id)} is added`);
      onClose();
    } catch (reason) {
      setRefusal(reason);
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Add a stream" small onClose=${onClose}>
    <form class="fields" onSubmit=${add}>
      <label class="field"><span>Where it comes from</span>
        <select value=${given.from} onChange=${(e) => setGiven({ ...given, from: e.target.value })}>
          ${FROM.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === given.from}>${words}</option>`)}</select></label>
      <label class="field"><span>${given.from === "e2ee" ? "Id: the room's name" : "Id"}</span><input type="text" required maxlength="256" autocomplete="off" ...${field("mint_id")} /></label>
      <label class="field"><span>Name</span><input type="text" maxlength="200" autocomplete="off" ...${field("name")} /></label>
      <${Origin} from=${given.from} field=${field} mintId=${given.mint_id} />
      ${refusal && html`<${Refused} refusal=${refusal} />`}
      <div class="actions right">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class="primary" disabled=${busy}>Add</button>
      </div>
    </form>
  <//>`;
}

const Secret = ({ label, required, ...more }) => html`
  <label class="field"><span>${label}</span><input type="password" required=${required} maxlength="4096" autocomplete="new-password" ...${more} /></label>`;

function Origin({ from, field, mintId }) {
  if (from === "url")
    return html`<label class="field"><span>Address</span>
      <input type="text" inputmode="url" required maxlength="2048" autocomplete="off" placeholder="rtmp://" ...${field("url")} /></label>`;
  if (from === "whip")
    return html`<${Secret} label="Key of the publisher, at least 16 characters" required=${true} minlength="16" ...${field("whip")} />
      <p class="soft">It is sent to <code>${addressOf(`/whip/${encodeURIComponent(mintId || "ID")}`)}</code> of this server, with this key as bearer token.</p>`;
  if (from === "e2ee")
    return html`<${Secret} label="Passphrase" ...${field("passphrase")} />
      <${Secret} label="Or key, in base64" ...${field("key")} />
      <label class="field"><span>Derivation</span><select ...${picked(field("kdf"))}>
        <option value="">as browsers: PBKDF2 of a passphrase, HKDF of a key</option><option value="pbkdf2">PBKDF2</option><option value="hkdf">HKDF</option></select></label>`;
  return html`<label class="field"><span>WHEP address</span>
      <input type="text" inputmode="url" required maxlength="2048" autocomplete="off" placeholder="https://" ...${field("whep")} /></label>
    <${Secret} label="Bearer token" ...${field("token")} />`;
}

const picked = ({ value, onInput }) => ({ value, onChange: onInput });

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
