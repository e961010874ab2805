/** The still images of a recording, each of which leads to its time. */

import { html, useState } from "../vendor/preact.js";
import { addressOf, get } from "./api.js";
import * as format from "./format.js";
import { Loading, Refused, useAnswer } from "./parts.js";

const PAGE = 60;

const pathOf = (name) => name.split("/").map(encodeURIComponent).join("/");

export function Images({ recordingId, onPick }) {
  const [wanted, setWanted] = useState(0);
  const path = `/api/recordings/${recordingId}/sidecars?kind=image&limit=${Math.max(wanted, 1)}`;
  const [answer, refusal] = useAnswer(() => get(path), path);
  if (!answer?.total && !wanted) return null;
  return html`<details onToggle=${(event) => event.target.open && setWanted(wanted || PAGE)}>
    <summary>Images (${answer ? format.number(answer.total) : format.NOTHING})</summary>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    ${wanted > 0 && !answer && !refusal && html`<${Loading} rows=${1} />`}
    ${wanted > 0 && answer && html`<ul class="gallery">${answer.sidecars.map((image) => html`<li key=${image.name}>
      <${Shown} image=${image} src=${addressOf(`/api/recordings/${recordingId}/sidecars/${pathOf(image.name)}`)} onPick=${onPick} /></li>`)}</ul>`}
    ${wanted > 0 && answer?.total > wanted && html`<button onClick=${() => setWanted(wanted + PAGE)}>Show more images</button>`}
  </details>`;
}

function Shown({ image: { at_s: at }, src, onPick }) {
  const time = format.duration(at);
  return html`<button class="plain" onClick=${() => onPick(at)} disabled=${at === null} aria-label=${`Go to ${time}`} title=${`Go to ${time}`}>
    <img src=${src} alt="" loading="lazy" /><span class="figures soft">${time}</span></button>`;
}
