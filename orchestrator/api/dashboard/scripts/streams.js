/** The live streams, and the options to record them with. */

import { html, useState } from "../vendor/preact.js";
import { start } from "./actions.js";
import { get } from "./api.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { Badge, Empty, Loading, Notice, Thumbnail, Refused, Section, useAnswer } from "./parts.js";
import { AddStream, RemoveStream } from "./named_streams.js";
import { StartOutputs } from "./start_outputs.js";
import { choose, put, useStore } from "./store.js";
import { StreamDetails } from "./stream_details.js";

const fits = (stream, words) => {
  const text = [stream.name, stream.symbol, stream.mint_id, stream.discovery].join(" ").toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
};

export function Streams() {
  const list = useStore((state) => state.streams);
  const [words, setWords] = useState("");
  const found = (list?.streams ?? []).filter((stream) => fits(stream, words));
  return html`<${Section} title="Live streams" count=${list ? list.count : undefined} end=${html`<${AddStream} />`}>
    <div class="card">
      <div class="toolbar">
        <label class="search"><${Icon} name="search" /><span class="visually-hidden">Search live streams</span>
          <input type="search" placeholder="Search name, symbol or id" value=${words} onInput=${(e) => setWords(e.target.value)} />
        </label>
        <${Choices} />
      </div>
      <${StartOutputs} />
      ${!list && html`<${Loading} />`}
      <ul class="streams">
        ${(list?.failures ?? []).map((f) => html`<li key=${f.discovery}>
          <${Notice} kind="warn" title=${`${f.error.replace(/\.$/, "")}.`}>${f.detail}<//></li>`)}
        ${found.map((stream) => html`<${Stream} key=${stream.mint_id} stream=${stream} />`)}
      </ul>
      ${list && !found.length && html`<${Nothing} words=${words} failures=${list.failures} />`}
    </div>
  <//>`;
}

function Nothing({ words, failures }) {
  if (words) return html`<${Empty} icon="search" title="No live stream fits">No live stream matches “${words}”.<//>`;
  if (failures.length) return null;
  return html`<${Empty} icon="signal" title="Nothing is live">Streams appear here as soon as they go live.<//>`;
}

const TRACKS = [["selected", "selected"], ["all", "all of the room"]];

/** The pipeline of that name; else the one that a format means: named like it, else one that encodes. */
const pipelineOf = (pipelines, format, name) =>
  pipelines.find((p) => p.name === name) ?? pipelines.find((p) => p.name === format) ?? pipelines.find((p) => !p.copies) ?? pipelines[0];

/** Format, quality or tracks, and pipeline of the next recording; stored in this browser. */
function Choices() {
  const options = useStore((state) => state.options);
  const [formats] = useAnswer(() => get("/api/recording/formats"));
  const [pipelines] = useAnswer(() => get("/api/pipelines"));
  const making = (format) => (pipelines?.pipelines ?? []).filter((p) => p.formats.includes(format));
  const fitting = making(options.format);
  const chosen = pipelineOf(fitting, options.format, options.pipeline);
  const pick = (format, pipeline) =>
    choose({ format, pipeline, copies: pipelineOf(making(format), format, pipeline)?.copies ?? false, tracks: "selected" });
  return html`<div class="choices" role="group" aria-label="How to record">
    <${Choice} name="Format" value=${options.format} onPick=${(format) => pick(format, "")}
      among=${(formats?.formats ?? [options.format]).map((name) => [name, format.format(name)])} />
    ${!options.copies && html`<${Choice} name="Quality" value=${options.quality} onPick=${(quality) => choose({ quality })}
      among=${Object.keys(formats?.quality_presets ?? { [options.quality]: 0 }).map((name) => [name, name])} />`}
    ${options.copies && options.format === "mkv" && html`<${Choice} name="Tracks" value=${options.tracks} onPick=${(tracks) => choose({ tracks })}
      among=${TRACKS} />`}
    <${Choice} name="Pipeline" value=${chosen?.name ?? ""} onPick=${(pipeline) => pick(options.format, pipeline)}
      among=${fitting.length ? fitting.map((p) => [p.name, p.name]) : [["", "–"]]} />
  </div>`;
}

const Choice = ({ name, value, among, onPick }) => html`
  <label><span class="label">${name}</span>
    <select value=${value} onChange=${(event) => onPick(event.target.value)}>
      ${among.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>${words}</option>`)}
    </select>
  </label>`;

function Stream({ stream }) {
  const { mint_id } = stream;
  const title = format.title(stream, mint_id);
  const refusal = useStore((state) => state.refusals[mint_id]);
  const [inside, setInside] = useState(false);
  return html`<li>
    <div class="stream">
      <${Thumbnail} id=${mint_id} title=${title} />
      <div class="words">
        <div class="name"><strong class="truncate">${title}</strong>
          ${stream.symbol && stream.symbol !== title && html`<span class="soft">${stream.symbol}</span>`}</div>
        <div class="line"><${Badge}>${stream.kind ? stream.kind.toUpperCase() : stream.discovery}<//> <${Liveness} stream=${stream} /> ${stream.num_participants > 0 && html`<${Badge}><${Icon} name="people" size="12" />${format.plural(stream.num_participants, "participant")}<//>`} ${stream.nsfw && html`<${Badge} kind="warn">NSFW<//>`}
          <span class="mono soft truncate">${mint_id}</span></div>
      </div>
      <button class="plain icon" onClick=${() => setInside(!inside)} aria-expanded=${inside} aria-label=${`What is in ${title}`} title="What is in it"><${Icon} name="more" /></button>
      ${stream.defined_by === "request" && html`<${RemoveStream} stream=${stream} />`}
      <${RecordButton} stream=${stream} title=${title} />
    </div>
    ${inside && html`<${StreamDetails} stream=${stream} />`}
    ${refusal && html`<${Refused} refusal=${refusal} onClose=${() => put("refusals", mint_id, undefined)} />`}
  </li>`;
}

/** Of a stream with a name of its own, which is listed always; platforms list what is live. */
function Liveness({ stream: { kind, is_currently_live: live } }) {
  if (!kind) return null;
  if (live) return html`<${Badge} kind="good">Live<//>`;
  return html`<${Badge}>${live === false ? "Not live" : "Not known to be live"}<//>`;
}

function RecordButton({ stream, title }) {
  const { mint_id } = stream;
  const starting = useStore((state) => state.starting[mint_id]);
  const running = useStore((state) => Object.values(state.active ?? {}).find((r) => r.mint_id === mint_id)?.state);
  if (running && running !== "starting") return html`<${Badge} kind="record"><i class="dot live" />Recording<//>`;
  const busy = starting || running;
  return html`<button disabled=${busy} onClick=${() => start(stream)} aria-label=${`Record ${title}`}>
    ${busy ? html`<i class="spinner" /> Starting` : html`<i class="dot" /> Record`}
  </button>`;
}
