/** The library: what was recorded, to play, to save and to delete. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { erase } from "./actions.js";
import { get } from "./api.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { Badge, Empty, Heading, Loading, Notice, Picture, Question, Refused, useAnswer } from "./parts.js";
import { Player } from "./player.js";
import { useStore } from "./store.js";

const PAGE = 24;

export function Recordings() {
  const version = useStore((state) => state.historyVersion);
  const [wanted, setWanted] = useState(PAGE);
  const [state, setState] = useState("");
  const path = `/api/recordings?limit=${Math.min(wanted, 200)}${state && `&state=${state}`}`;
  const [told, refusal] = useAnswer(() => get(path), `${path} ${version}`);
  const ended = (told?.recordings ?? []).filter((r) => ["completed", "failed"].includes(r.state));
  return html`<div class="view">
    <${Heading} title="Recordings">
      <label class="field"><span class="visually-hidden">Show</span>
        <select value=${state} onChange=${(event) => setState(event.target.value)}>
          <option value="">All recordings</option><option value="completed">Completed</option><option value="failed">Failed</option>
        </select></label>
    <//>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    ${!told && !refusal && html`<div class="card"><${Loading} /></div>`}
    ${told && !ended.length && html`<div class="card"><${Empty} icon="film" title="No recordings yet">
      What you record appears here as soon as its file is final.<//></div>`}
    <${Library} rows=${ended} />
    ${told && told.total > wanted && wanted < 200 && html`<button class="more" onClick=${() => setWanted(wanted + PAGE)}>Show more</button>`}
  </div>`;
}

function Library({ rows }) {
  const [playing, setPlaying] = useState(null);
  const [doomed, setDoomed] = useState(null);
  useEffect(() => {
    if (playing && !rows.some((row) => row.id === playing.id)) setPlaying(null);
  }, [rows]);
  return html`
    <ul class="library">${rows.map((row) => html`
      <${Finished} key=${row.id} recording=${row} onPlay=${() => setPlaying(row)} onDelete=${() => setDoomed(row)} />`)}</ul>
    ${playing && html`<${Player} recording=${playing} onClose=${() => setPlaying(null)} onDelete=${() => setDoomed(playing)} />`}
    ${doomed && html`<${Question} title="Delete this recording?" verb="Delete" onYes=${() => erase(doomed)} onClose=${() => setDoomed(null)}>
      “${format.title(doomed.stream_info, doomed.mint_id)}” of ${format.day(doomed.created_at)} and its file
      ${doomed.file_size_bytes !== null && `(${format.bytes(doomed.file_size_bytes)})`} will be gone for good.
    <//>`}`;
}

function Finished({ recording: r, onPlay, onDelete }) {
  const title = format.title(r.stream_info, r.mint_id);
  const poster = r.file_url && `/api/recordings/${r.id}/thumbnail.jpg`;
  return html`<li class="card">
    <${Poster} recording=${r} title=${title} src=${poster} onPlay=${onPlay} />
    <div class="body">
      <h2 class="title truncate" title=${title}>${title}</h2>
      <p class="line soft figures"><span>${format.day(r.started_at ?? r.created_at)}</span><span>·</span>
        <span>${format.format(r.output_format)}</span><span>·</span><span>${format.bytes(r.file_size_bytes)}</span></p>
      ${r.state === "failed" && html`<${Notice} kind="bad" title=${r.error ?? "The recording failed"}>${r.detail}<//>`}
      ${r.recovered && html`<p><${Badge} kind="warn">Recovered after a crash<//></p>`}
      <div class="foot">
        <button class="plain" onClick=${onPlay} aria-label=${`${r.file_url ? "Play" : "Details of"} ${title}`}>
          <${Icon} name=${r.file_url ? "play" : "info"} />${r.file_url ? "Play" : "Details"}</button>
        ${r.file_url && html`<a class="button plain icon" href=${`${r.file_url}?download=1`} download aria-label=${`Download ${title}`} title="Download"><${Icon} name="download" /></a>`}
        <span class="end" />
        <button class="plain icon" onClick=${onDelete} aria-label=${`Delete ${title}`} title="Delete"><${Icon} name="trash" /></button>
      </div>
    </div>
  </li>`;
}

/** A click on the picture plays it; the keyboard has the button below. */
const Poster = ({ recording, title, src, onPlay }) => html`
  <div class="poster" onClick=${onPlay}>
    <${Picture} id=${recording.mint_id} title=${title} src=${src}>
      ${src && html`<span class="play" aria-hidden="true"><${Icon} name="play" size="22" /></span>`}
      ${recording.duration_seconds !== null && html`<span class="on-picture bottom-right">${format.duration(recording.duration_seconds)}</span>`}
    <//>
  </div>`;
