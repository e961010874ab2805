/** One recording: a player, the facts about its file, its outputs, its images and its event log. */

import { html, useState } from "../vendor/preact.js";
import { addressOf, get } from "./api.js";
import { Deliveries } from "./deliveries.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { Images } from "./images.js";
import { Outputs } from "./outputs.js";
import { Badge, Dialog, Loading, Notice, Pair, Refused, useAnswer } from "./parts.js";
import { Playback, runs } from "./playback.js";

/** `recording` may run. `state` is its newest: what is known of it is asked for anew when that changes. */
export function Player({ recording, state = recording.state, onClose, onDelete }) {
  const [details, refusal] = useAnswer(() => get(`/api/recordings/${recording.id}`), `${recording.id} ${state}`);
  const [seekTo, setSeekTo] = useState(null);
  const title = format.title(recording.stream_info, recording.mint_id);
  return html`<${Dialog} title=${title} onClose=${onClose}>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    ${!details && !refusal && html`<${Loading} rows=${1} height=${280} />`}
    ${details && html`<${Playback} key=${details.id} details=${details} title=${title} seekTo=${seekTo} />
      ${details.notes.map((words) => html`<${Notice} key=${words}>${words}<//>`)}
      <${Facts} details=${details} />
      <${Outputs} recording=${details} known=${details.outputs} />
      <${Images} recordingId=${details.id} onPick=${(time) => setSeekTo({ time })} />
      <${Deliveries} recordingId=${details.id} />
      <${EventLog} events=${details.events} />
      <div class="actions right">
        ${details.file_url && html`<a class="button" href=${`${addressOf(details.file_url)}?download=1`} download><${Icon} name="download" />Download</a>`}
        ${onDelete && !runs(details) && html`<button class="danger" onClick=${onDelete}><${Icon} name="trash" />Delete</button>`}
      </div>`}
  <//>`;
}

const INTEGRITY = { whole: ["good", "Whole"], incomplete: ["warn", "Incomplete"] };

function Facts({ details: d }) {
  const video = d.probe?.video;
  const [kind, words] = INTEGRITY[d.integrity] ?? ["", "Not checked"];
  return html`<dl class="facts">
    <${Pair} name="Recorded">${format.day(d.started_at ?? d.created_at)}<//>
    <${Pair} name="Length">${format.duration(d.duration_seconds)}<//>
    <${Pair} name="Size">${format.bytes(d.file_size_bytes)}<//>
    <${Pair} name="Video">${format.size(video?.width, video?.height)} · ${d.video_codec}<//>
    <${Pair} name="Audio">${d.audio_codec}<//>
    <${Pair} name="Pipeline">${d.pipeline}${!d.tracks && ` · ${d.video_quality}`}<//>
    ${d.tracks && html`<${Pair} name="Tracks">${d.tracks}<//>`}
    ${!runs(d) && html`<${Pair} name="File"><${Badge} kind=${kind}>${words}<//><//>
      <${Pair} name="Ended">${d.reason ?? format.NOTHING}<//>`}
    <${Pair} name="Path" kind="whole"><code>${d.output_path}</code><//>
    ${d.sha256 && html`<${Pair} name="SHA-256" kind="whole"><code>${d.sha256}</code><//>`}
  </dl>`;
}

const EventLog = ({ events }) => html`<details>
  <summary>Event log (${format.plural(events.length, "event")})</summary>
  <ul class="event-log" tabindex="0" aria-label="Event log">${events.map((e, at) => html`
    <li key=${at}><time datetime=${e.at}>${format.clock(e.at)}</time><span class=${e.level ?? ""}>${e.message}</span></li>`)}</ul>
</details>`;
