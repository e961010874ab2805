/** The library: finished recordings, to play, download and delete. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { erase } from "./actions.js";
import { addressOf, get } from "./api.js";
import { EncodeButton, Encoding, useEncode } from "./encodes.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { Badge, Empty, Heading, Loading, Notice, Thumbnail, Question, Refused, useAnswer } from "./parts.js";
import { Player } from "./player.js";
import { useStore } from "./store.js";

const PAGE = 24;

export function Recordings() {
  const version = useStore((state) => state.historyVersion);
  const [wanted, setWanted] = useState(PAGE);
  const [state, setState] = useState("");
  const path = `/api/recordings?limit=${Math.min(wanted, 200)}${state && `&state=${state}`}`;
  const [page, refusal] = useAnswer(() => get(path), `${path} ${version}`);
  const ended = (page?.recordings ?? []).filter((r) => ["completed", "failed", "aborted"].includes(r.state));
  return html`<div class="view">
    <${Heading} title="Recordings">
      <label class="field"><span class="visually-hidden">Show</span>
        <select value=${state} onChange=${(event) => setState(event.target.value)}>
          <option value="">All recordings</option><option value="completed">Completed</option><option value="failed">Failed</option><option value="aborted">Stopped before the first frame</option>
        </select></label>
    <//>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    ${!page && !refusal && html`<div class="card"><${Loading} /></div>`}
    ${page && !ended.length && html`<div class="card"><${Empty} icon="film" title="No recordings yet">
      What you record appears here as soon as its file is final.<//></div>`}
    <${Library} rows=${ended} />
    ${page && page.total > wanted && wanted < 200 && html`<button class="more" onClick=${() => setWanted(wanted + PAGE)}>Show more</button>`}
  </div>`;
}

function Library({ rows }) {
  const [playing, setPlaying] = useState(null);
  const [deleting, setDeleting] = useState(null);
  useEffect(() => {
    if (playing && !rows.some((row) => row.id === playing.id)) setPlaying(null);
  }, [rows]);
  return html`
    <ul class="library">${rows.map((row) => html`
      <${Finished} key=${row.id} recording=${row} onPlay=${() => setPlaying(row)} onDelete=${() => setDeleting(row)} />`)}</ul>
    ${playing && html`<${Player} recording=${playing} onClose=${() => setPlaying(null)} onDelete=${() => setDeleting(playing)} />`}
    ${deleting && html`<${Question} title="Delete this recording?" verb="Delete" onYes=${() => erase(deleting)} onClose=${() => setDeleting(null)}>
      “${format.title(deleting.stream_info, deleting.mint_id)}” of ${format.day(deleting.created_at)} and its file
      ${deleting.file_size_bytes !== null && `(${format.bytes(deleting.file_size_bytes)})`} will be deleted permanently.
    <//>`}`;
}

function Finished({ recording: r, onPlay, onDelete }) {
  const title = format.title(r.stream_info, r.mint_id);
  const encode = useEncode(r.id);
  const poster = r.file_url && addressOf(`/api/recordings/${r.id}/thumbnail.jpg`);
  return html`<li class="card">
    <${Poster} recording=${r} title=${title} src=${poster} onPlay=${onPlay} />
    <div class="body">
      <h2 class="title truncate" title=${title}>${title}</h2>
      <p class="line soft figures"><span>${format.day(r.started_at ?? r.created_at)}</span><span>·</span>
        <span>${format.format(r.output_format)}</span><span>·</span><span>${format.bytes(r.file_size_bytes)}</span></p>
      ${r.state === "failed" && html`<${Notice} kind="bad" title=${r.error ?? "The recording failed"}>${r.detail}<//>`}
      ${r.state === "aborted" && html`<p><${Badge}>Stopped before the first frame<//></p>`}
      ${r.recovered && html`<p><${Badge} kind="warn">Recovered after a crash<//></p>`}
      ${encode && html`<${Encoding} encode=${encode} title=${title} />`}
      <div class="foot">
        <button class="plain" onClick=${onPlay} aria-label=${`${r.file_url ? "Play" : "Details of"} ${title}`}>
          <${Icon} name=${r.file_url ? "play" : "info"} />${r.file_url ? "Play" : "Details"}</button>
        ${r.file_url && html`<a class="button plain icon" href=${`${addressOf(r.file_url)}?download=1`} download aria-label=${`Download ${title}`} title="Download"><${Icon} name="download" /></a>`}
        ${r.file_url && !encode && html`<${EncodeButton} recording=${r} title=${title} />`}
        <span class="end" />
        <button class="plain icon" onClick=${onDelete} aria-label=${`Delete ${title}`} title="Delete"><${Icon} name="trash" /></button>
      </div>
    </div>
  </li>`;
}

/** A click on the thumbnail plays the recording; the keyboard has the button below. */
const Poster = ({ recording, title, src, onPlay }) => html`
  <div class="poster" onClick=${onPlay}>
    <${Thumbnail} id=${recording.mint_id} title=${title} src=${src}>
      ${src && html`<span class="play" aria-hidden="true"><${Icon} name="play" size="22" /></span>`}
      ${recording.duration_seconds !== null && html`<span class="on-thumbnail bottom-right">${format.duration(recording.duration_seconds)}</span>`}
    <//>
  </div>`;
