/** Who is called when something happens to the next recordings, in the form of a start. */

import { html } from "../vendor/preact.js";
import { Icon } from "./icons.js";

const MOST = 8;

const SIGNATURES = [["hmac", "HMAC (Standard Webhooks)"], ["livekit", "JWT, as LiveKit's"]];

const EMPTY = { url: "", key: "", signature: "hmac" };

/** They as the API takes them. Without a key calls aren't signed. */
export const namedWebhooks = (hooks) =>
  hooks.map(({ url, key, signature }) => ({ url, ...(key && { key }), ...(signature !== "hmac" && { signature }) }));

/** URLs and keys are secrets: nothing of them is kept in this browser. */
export function StartWebhooks({ hooks, onChange }) {
  const change = (at, patch) => onChange(hooks.map((hook, index) => (index === at ? { ...hook, ...patch } : hook)));
  const remove = (at) => onChange(hooks.filter((_, index) => index !== at));
  return html`<div class="choice" role="group" aria-label="Web hooks">
    ${hooks.map((hook, at) => html`<fieldset class="fields inside" key=${at}>
      <legend class="visually-hidden">Web hook ${at + 1}</legend>
      <label class="field"><span>URL of web hook ${at + 1}</span><input type="text" inputmode="url" spellcheck=${false} autocomplete="off" maxlength="4096"
        placeholder="https://example.org/hook" value=${hook.url} onInput=${(event) => change(at, { url: event.target.value })} /></label>
      <label class="field"><span>Key it is signed with</span><input type="password" autocomplete="off" maxlength="1024" value=${hook.key}
        placeholder=${hook.signature === "livekit" ? "API_KEY:SECRET" : "whsec_…"} onInput=${(event) => change(at, { key: event.target.value })} /></label>
      <label class="field"><span>Signature</span><select value=${hook.signature} onChange=${(event) => change(at, { signature: event.target.value })}>
        ${SIGNATURES.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === hook.signature}>${words}</option>`)}</select></label>
      <div class="actions right"><button type="button" class="plain" onClick=${() => remove(at)} aria-label=${`Remove web hook ${at + 1}`}><${Icon} name="trash" size="14" />Remove</button></div>
    </fieldset>`)}
    ${hooks.length < MOST && html`<div><button type="button" onClick=${() => onChange([...hooks, EMPTY])}><${Icon} name="plus" size="14" />Add web hook</button></div>`}
  </div>`;
}
