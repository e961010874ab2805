/** What is in a stream before it is recorded: who publishes what, and whether it can be recorded. */

import { html } from "../vendor/preact.js";
import { get } from "./api.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { Badge, Loading, Notice, Refused, useAnswer } from "./parts.js";

const SOURCES = { camera: "camera", microphone: "microphone", screen_share: "screen", screen_share_audio: "screen's audio" };

export function StreamDetails({ stream }) {
  const [answer, refusal] = useAnswer(() => get(`/api/streams/${encodeURIComponent(stream.mint_id)}`), stream.mint_id);
  if (refusal) return html`<div class="inside"><${Refused} refusal=${refusal} /></div>`;
  if (!answer) return html`<div class="inside"><${Loading} rows=${1} height=${36} /></div>`;
  const { reason, published, unknown, address } = answer;
  return html`<div class="inside">
    ${reason && html`<${Because} reason=${reason} />`}
    ${published && published.length > 0 && html`<ul class="tracks">
      ${published.map((track) => html`<${Track} key=${track.sid} track=${track} />`)}</ul>`}
    ${unknown && !reason && html`<p class="soft">${unknown}</p>`}
    ${address && html`<p class="soft mono truncate">${address}</p>`}
  </div>`;
}

/** Why nothing of it would be recorded now. `detail` repeats `error` before the advice. */
function Because({ reason: { error, detail } }) {
  const advice = detail.startsWith(error) ? detail.slice(error.length).replace(/^[.\s]+/, "") : detail;
  return html`<${Notice} kind="warn" title=${`${error.replace(/\.$/, "")}.`}>${advice}<//>`;
}

function Track({ track }) {
  const { kind, participant, source, codec, width, height, layers, muted, encrypted, recordable, reason, selected } = track;
  const facts = [
    SOURCES[source] ?? kind,
    codec ?? "codec unknown",
    width && height && format.size(width, height),
    layers.length > 1 && `${layers.length} sizes`,
  ].filter(Boolean);
  return html`<li>
    <div class="line"><${Icon} name=${kind === "video" ? "film" : "microphone"} />
      <strong class="truncate">${participant}</strong><span class="soft">${facts.join(" · ")}</span>
      ${muted && html`<${Badge}>Muted<//>`}
      ${encrypted && html`<${Badge}>Encrypted<//>`}
      ${!recordable && html`<${Badge} kind="warn">Can't be recorded<//>`}
      ${selected && html`<${Badge} kind="good">Would be recorded<//>`}</div>
    ${reason && html`<p class="soft">${reason.error}</p>`}
  </li>`;
}
