/** A finished recording that is encoded again: how far it is, and what is done about it. */

import { html } from "../vendor/preact.js";
import { cancelEncode, encodeAgain } from "./actions.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { useStore } from "./store.js";

/** The encode of a recording that hasn't ended. */
export const useEncode = (recordingId) => useStore((state) => state.encodes[recordingId]);

const STAGES = { reading: "Reading the file", joining: "Joining the new file", checking: "Checking the new file" };

function words({ state, progress: p }) {
  const percent = p && `${Math.floor(p.share * 100)} %`;
  if (state === "queued" || !p) return "Waits to be encoded again";
  if (state === "paused") return `Encoding paused at ${percent}`;
  if (p.stage !== "encoding") return STAGES[p.stage];
  return `Encoding again: ${percent}${p.left_s === null ? "" : `, ${format.duration(p.left_s)} left`}`;
}

export const Encoding = ({ encode, title }) => html`<p class="encoding line soft figures">
  <span>${words(encode)}</span>
  <button class="plain icon" onClick=${() => cancelEncode(encode, title)} aria-label=${`Cancel encoding ${title}`} title="Cancel encoding"><${Icon} name="close" size="14" /></button>
</p>`;

export const EncodeButton = ({ recording, title }) => html`
  <button class="plain icon" onClick=${() => encodeAgain(recording, title)} aria-label=${`Encode ${title} again, smaller`} title="Encode again, smaller"><${Icon} name="shrink" /></button>`;
