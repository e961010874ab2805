/** How a recording is played here: its HLS while it runs, then its file, and what is said where neither can be. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { addressOf } from "./api.js";
import * as format from "./format.js";
import { Notice, Refused } from "./parts.js";
import { inWords } from "./playable.js";
import { Uploaded } from "./uploaded.js";
import { Video } from "./video.js";

const RUNNING = new Set(["starting", "recording", "reconnecting", "paused", "stopping"]);

export const runs = (recording) => RUNNING.has(recording.state);

const hlsOf = (details) => ({ kind: "hls", path: `/api/recordings/${details.id}/hls/master.m3u8` });

/** The file of a part; null where there is none. */
function fileOf(details, part) {
  const path = details.files[part]?.file_url ?? details.file_url;
  return path && { kind: "file", path };
}

/** Where a part begins in the recording; HLS has the whole one. */
const offsetOf = (details, source, part) => (source?.kind === "file" && details.files[part]?.offset_seconds) || 0;

/** The part that a time of the recording is in: the last that begins by then. */
const partAt = (files, time) => Math.max(files.findLastIndex((file) => file.offset_seconds <= time), 0);

/** Whether the server has no such file any more. */
const isGone = (path) => fetch(addressOf(path), { method: "HEAD" }).then(({ status }) => status === 404 || status === 410, () => false);

/** `seekTo`: {time} of the recording, to go there whenever another one is given. */
export function Playback({ details, title, seekTo }) {
  const [first] = useState(() => (runs(details) ? hlsOf(details) : fileOf(details, 0)));
  const [source, setSource] = useState(first);
  const [part, setPart] = useState(0);
  const [inPart, setInPart] = useState(null);
  const [refusal, tell] = useState(null);
  const [gone, setGone] = useState(false);
  const [unplayable, setUnplayable] = useState(false);
  const [unseen, setUnseen] = useState(false);
  useEffect(() => {
    if (!seekTo || !source) return;
    const at = source.kind === "file" ? partAt(details.files, seekTo.time) : part;
    if (at !== part) toPart(at);
    setInPart({ time: Math.max(seekTo.time - offsetOf(details, source, at), 0) });
  }, [seekTo]);
  if (!source) return html`<${Notice} kind="bad" title=${details.error ?? "There is no file"}>${details.detail}<//><${Uploaded} details=${details} />`;
  const toPart = (number) => {
    setPart(number);
    setInPart(null);
    tell(null);
    setUnplayable(false);
    setSource(fileOf(details, number));
  };
  const broken = async () => {
    if (await isGone(source.path)) return setGone(true);
    setUnplayable(true);
    setInPart(null);
    setSource(hlsOf(details)); // the same media in another container
  };
  const known = (element) => setUnseen(Boolean(details.probe?.video) && !element.videoWidth);
  const file = details.files[part];
  return html`<div class="player">
    ${gone
      ? html`<${Notice} kind="warn" title="The file is not on this machine any more.">It was moved, deleted or is kept elsewhere.<//><${Uploaded} details=${details} />`
      : html`<${Video} key=${`${source.kind} ${source.path}`} source=${source} title=${title} recordingId=${details.id} runs=${runs(details)}
          offset=${offsetOf(details, source, part)} seekTo=${inPart} tell=${tell} onBroken=${broken} onKnown=${known} />`}
    ${refusal && (unplayable ? html`<${Unplayable} details=${details} />` : html`<${Refused} refusal=${refusal} />`)}
    ${unseen && html`<${Notice} kind="warn" title=${`This browser can't play ${inWords([details.video_codec])}.`}>Only the audio is played; download it for another player.<//>`}
    ${file?.problem && html`<${Notice} kind="warn">${file.problem}<//>`}
    ${details.files.length > 1 && html`<div class="actions" role="group" aria-label="Parts">
      ${details.files.map((one, at) => html`<button key=${one.part} aria-pressed=${at === part} class=${at === part ? "primary" : ""}
        onClick=${() => toPart(at)}>Part ${one.part} <span class="figures">${format.duration(one.duration_seconds)}</span></button>`)}
    </div>`}
  </div>`;
}

const Unplayable = ({ details }) => html`
  <${Notice} kind="warn" title="This browser can't play the file.">
    It may lack the codec (${inWords([details.video_codec])}, ${inWords([details.audio_codec])}); download it for another player.<//>`;
