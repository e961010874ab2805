/** One running recording: its preview, its figures, and its stop button. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { pause, stop } from "./actions.js";
import { imageUrl } from "./api.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { OutputBadges } from "./outputs.js";
import { Notice, Pair, Thumbnail } from "./parts.js";
import { useStore } from "./store.js";

const EVERY_MS = 2000;

/** A preview, requested only while the page is visible: the server makes none otherwise. */
function usePreview(mintId) {
  const [address, setAddress] = useState(null);
  useEffect(() => {
    let timer, shown = null, gone = false;
    const next = async () => {
      const preview = document.hidden ? null : await imageUrl(`/api/recording/preview/${encodeURIComponent(mintId)}.jpg`);
      if (gone) return preview && URL.revokeObjectURL(preview);
      if (preview) {
        setAddress(preview);
        if (shown) URL.revokeObjectURL(shown);
        shown = preview;
      }
      timer = setTimeout(next, EVERY_MS);
    };
    next();
    return () => {
      gone = true;
      clearTimeout(timer);
      if (shown) URL.revokeObjectURL(shown);
    };
  }, [mintId]);
  return address;
}

const WORDS = {
  starting: "Starting",
  recording: "REC",
  paused: "Paused",
  reconnecting: "Reconnecting",
  stopping: "Finishing the file",
};

export function Running({ recording, onWatch }) {
  const { mint_id, state, stream_info } = recording;
  const title = format.title(stream_info, mint_id);
  const preview = usePreview(mint_id);
  const asked = useStore((store) => store.stopping[mint_id]);
  const ending = asked || state === "stopping";
  return html`<li class="card"><div class="parts">
    <${Thumbnail} id=${mint_id} title=${title} src=${preview} alt=${`Live preview of ${title}`}>
      <span class="on-thumbnail top-left"><i class="dot ${state === "recording" ? "live" : ""}" />${WORDS[state] ?? state}</span>
      <span class="on-thumbnail bottom-right" data-part="time">${format.duration(recording.duration_seconds)}</span>
    <//>
    <div class="body">
      <div class="title">
        <div>
          <h3 class="truncate" title=${title}>${title}</h3>
          <p class="soft truncate">${[format.format(recording.output_format), !recording.tracks && recording.video_quality, format.size(recording.width, recording.height), recording.pipeline,
            recording.tracks === "all" && "all tracks"].filter(Boolean).join(" · ")}</p>
        </div>
        ${recording.started_at && html`<button onClick=${onWatch} aria-label=${`Watch ${title}`}><${Icon} name="play" /> Watch</button>`}
        <${PauseButton} recording=${recording} title=${title} disabled=${ending} />
        <button disabled=${ending} onClick=${() => stop(recording)} aria-label=${`Stop recording ${title}`}>
          ${ending ? html`<i class="spinner" /> Stopping` : html`<${Icon} name="stop" /> Stop`}
        </button>
      </div>
      <${Figures} recording=${recording} />
      ${(recording.notes ?? []).map((words) => html`<${Notice} key=${words}>${words}<//>`)}
      <${OutputBadges} recordingId=${recording.id} />
      <${Warnings} recording=${recording} />
      <${Processes} id=${recording.id} />
    </div>
  </div></li>`;
}

/** What comes while it is paused is not recorded; connection and encoder stay ready. */
function PauseButton({ recording, title, disabled }) {
  const paused = recording.state === "paused";
  const busy = useStore((store) => store.pausing[recording.mint_id]);
  if (!paused && recording.state !== "recording") return null;
  const label = `${paused ? "Resume" : "Pause"} recording ${title}`;
  return html`<button class="icon" disabled=${disabled || busy} onClick=${() => pause(recording, !paused)} aria-label=${label} title=${label}>
    <${Icon} name=${paused ? "dot" : "pause"} /></button>`;
}

const Figures = ({ recording: r }) => html`<dl class="pairs">
  <${Pair} name="Size">${format.bytes(r.file_size_bytes)}<//>
  <${Pair} name="Bit rate">${format.bitRate(r.bitrate_bps)}<//>
  <${Pair} name="Frames/s">${format.number(r.fps, 1)}<//>
  ${!r.tracks && html`<${Pair} name="Speed" kind=${r.speed !== null && r.speed < 0.95 ? "warn" : ""}>${format.speed(r.speed)}<//>`}
  <${Pair} name="Dropped" kind=${r.frames_dropped ? "warn" : ""}>${format.number(r.frames_dropped)}<//>
  <${Pair} name="Packets lost">${format.number(r.packets_lost)}<//>
  ${r.frames_undecodable ? html`<${Pair} name="Left out after a loss" kind="warn">${format.number(r.frames_undecodable)}<//>` : null}
  ${r.frames_undecryptable ? html`<${Pair} name="Not decrypted" kind="warn">${format.number(r.frames_undecryptable)}<//>` : null}
</dl>`;

function Warnings({ recording: r }) {
  const warnings = [...(r.warnings ?? [])];
  if (!warnings.length) return null;
  return html`<ul class="warnings">${warnings.map((words) => html`<li key=${words}><${Notice} kind="warn">${words}<//></li>`)}</ul>`;
}

function Processes({ id }) {
  const all = useStore((store) => store.processes);
  const own = (all ?? []).filter((process) => process.recording_id === id);
  if (!own.length) return null;
  return html`<p class="processes figures soft">
    ${own.map((p) => html`<span key=${p.pid}>${p.role} <strong>${format.cores(p.cpu_cores)}</strong> cores, ${format.bytes(p.rss_bytes)}</span>`)}
  </p>`;
}
