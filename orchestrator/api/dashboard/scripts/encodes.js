/** A finished recording that is encoded again: how far it is, and what is done about it. */

import { html } from "../vendor/preact.js";
import { cancelEncode, encodeAgain, pauseEncodes } from "./actions.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { useStore } from "./store.js";

/** The encode of a recording that hasn't ended. */
export const useEncode = (recordingId) => useStore((state) => state.encodes[recordingId]);

const STAGES = { reading: "Reading the file", joining: "Joining the new file", checking: "Checking the new file" };

const PAUSES = { request: "encoding is paused", setting: "encoding is paused by a setting", battery: "encoding is paused on battery" };

function words({ state, progress: p }, paused) {
  const percent = p && `${Math.floor(p.share * 100)} %`;
  if (state === "queued" || !p) return `Waits to be encoded again${paused ? `: ${PAUSES[paused]}` : ""}`;
  if (state === "paused") return `Encoding paused at ${percent}`;
  if (p.stage !== "encoding") return STAGES[p.stage];
  return `Encoding again: ${percent}${p.left_s === null ? "" : `, ${format.duration(p.left_s)} left`}`;
}

/** For the whole queue: there is nothing to resume on battery. */
function PauseButton({ paused }) {
  if (paused === "battery") return null;
  const label = paused ? "Resume encoding" : "Pause encoding";
  return html`<button class="plain icon" onClick=${() => pauseEncodes(!paused)} aria-label=${label} title=${label}><${Icon} name=${paused ? "play" : "pause"} size="14" /></button>`;
}

export function Encoding({ encode, title }) {
  const paused = useStore((state) => state.encodesPaused);
  return html`<p class="encoding line soft figures">
  <span>${words(encode, paused)}</span>
  <${PauseButton} paused=${paused} />
  <button class="plain icon" onClick=${() => cancelEncode(encode, title)} aria-label=${`Cancel encoding ${title}`} title="Cancel encoding"><${Icon} name="close" size="14" /></button>
</p>`;
}

export const EncodeButton = ({ recording, title }) => html`
  <button class="plain icon" onClick=${() => encodeAgain(recording, title)} aria-label=${`Encode ${title} again, smaller`} title="Encode again, smaller"><${Icon} name="shrink" /></button>`;
