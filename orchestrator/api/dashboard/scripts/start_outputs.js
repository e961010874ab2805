/** What becomes of the next recordings besides their files, until the page is left: addresses may have keys in them. */

import { html } from "../vendor/preact.js";
import { addressFields, Check, namedOutput, OUTPUTS } from "./output_fields.js";
import { namedWebhooks, StartWebhooks } from "./start_webhooks.js";
import { set, useStore } from "./store.js";

const EMPTY = { url: "", token: "", low_latency: false, hls: false, keep_local: false, interval_s: 10, scene_changes: false };

const TYPES = ["hls", "images", "upload", "push"];

const DATA = [["", "by setting"], ["true", "keep"], ["false", "don't keep"]];
const HIDE = [["", "by setting"], ["false", "are shown it"], ["true", "are not shown it"]];

/** The part of a start's body that these choices make; without any, the settings decide. */
export function startFields({ outputs, webhooks, data, hide_recording }) {
  const named = TYPES.filter((type) => outputs[type]).map((type) => namedOutput({ ...outputs[type], type }));
  return {
    ...(named.length && { outputs: named }),
    ...(webhooks.length && { webhooks: namedWebhooks(webhooks) }),
    ...(data !== "" && { data: data === "true" }),
    ...(hide_recording !== "" && { hide_recording: hide_recording === "true" }),
  };
}

export function StartOutputs() {
  const beside = useStore((state) => state.beside);
  const { outputs, webhooks } = beside;
  const choose = (patch) => set({ beside: { ...beside, ...patch } });
  const pick = (type, on) => choose({ outputs: { ...outputs, [type]: on ? { ...EMPTY, type } : undefined } });
  const change = (type, patch) => choose({ outputs: { ...outputs, [type]: { ...outputs[type], ...patch } } });
  const count = TYPES.filter((type) => outputs[type]).length + webhooks.length;
  return html`<details class="beside">
    <summary>Outputs and web hooks${count > 0 && html` <span class="count figures">${count}</span>`}</summary>
    <div class="fields inside">
      <p class="soft">What becomes of the next recordings besides their files, and who gets web hooks. With none of these, the settings decide.</p>
      ${TYPES.map((type) => html`<div class="choice" key=${type}>
        <${Check} label=${OUTPUTS[type]} checked=${Boolean(outputs[type])} onPick=${(on) => pick(type, on)} />
        ${outputs[type] && type === "images" && html`<${ImageFields} given=${outputs[type]} change=${(patch) => change(type, patch)} />`}
        ${outputs[type] && type !== "images" && addressFields(outputs[type], (patch) => change(type, patch))}
      </div>`)}
      <${StartWebhooks} hooks=${webhooks} onChange=${(webhooks) => choose({ webhooks })} />
      <${Pick} label="Chat, data and what participants do" value=${beside.data} among=${DATA} onPick=${(data) => choose({ data })} />
      <${Pick} label="That it is recorded, participants" value=${beside.hide_recording} among=${HIDE} onPick=${(hide_recording) => choose({ hide_recording })} />
    </div>
  </details>`;
}

const ImageFields = ({ given, change }) => html`
  <label class="field"><span>Seconds from one to the next</span><input type="number" min="1" max="86400" step="any" required value=${given.interval_s}
    onInput=${(event) => change({ interval_s: Number(event.target.value) || 10 })} /></label>
  <${Check} label="And at each scene change" checked=${given.scene_changes} onPick=${(scene_changes) => change({ scene_changes })} />`;

const Pick = ({ label, value, among, onPick }) => html`
  <label class="field"><span>${label}</span><select value=${value} onChange=${(event) => onPick(event.target.value)}>
    ${among.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>${words}</option>`)}</select></label>`;
