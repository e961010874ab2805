/** The fields with which outputs are named, in the form of a start and in that of a recording. */

import { html } from "../vendor/preact.js";

export const OUTPUTS = { hls: "HLS", images: "Images", upload: "Upload", push: "Push" };

/** The output of such fields, as the API takes it. */
export function namedOutput({ type, url, token, low_latency, hls, keep_local, interval_s, scene_changes }) {
  if (type === "hls") return { type, low_latency };
  if (type === "images") return { type, interval_s, scene_changes };
  if (type === "push") return { type, url, ...(token && { token }) };
  return { type, url, hls, keep_local: keep_local ? "until_uploaded" : "always" };
}

export const Check = ({ label, checked, onPick }) => html`
  <label class="check"><input type="checkbox" checked=${checked} onChange=${(event) => onPick(event.target.checked)} /><span>${label}</span></label>`;

/** Keys of streams are secrets: nothing of them is kept in this browser. */
const Address = ({ label, value, placeholder, onType, required = true }) => html`
  <label class="field"><span>${label}</span><input type="text" inputmode="url" spellcheck=${false} autocomplete="off" maxlength="4096"
    required=${required} placeholder=${placeholder} value=${value} onInput=${(event) => onType(event.target.value)} /></label>`;

const Token = ({ value, onType }) => html`
  <label class="field"><span>Bearer token, of WHIP</span><input type="password" autocomplete="off" maxlength="4096" value=${value}
    onInput=${(event) => onType(event.target.value)} /></label>`;

/** What the type of output that `given` has needs besides. */
export function addressFields(given, change) {
  const { type, url, token, low_latency, hls, keep_local } = given;
  if (type === "hls") return html`<${Check} label="Low latency" checked=${low_latency} onPick=${(value) => change({ low_latency: value })} />`;
  if (type === "push")
    return html`<${Address} label="Address with its stream key" placeholder="rtmp://host/app/key" value=${url} onType=${(value) => change({ url: value })} />
      ${url.startsWith("whip") && html`<${Token} value=${token} onType=${(value) => change({ token: value })} />`}`;
  return html`<${Address} label="Bucket and prefix; credentials are the server's" placeholder="s3://bucket/prefix" value=${url} onType=${(value) => change({ url: value })} />
    <${Check} label="Upload pieces for HLS while it is recorded" checked=${hls} onPick=${(value) => change({ hls: value })} />
    <${Check} label="Delete the file here once it is uploaded" checked=${keep_local} onPick=${(value) => change({ keep_local: value })} />`;
}
