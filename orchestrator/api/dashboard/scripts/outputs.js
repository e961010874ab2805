/** What becomes of a recording besides its file: how each output stands, and what is done about it. */

import { html, useState } from "../vendor/preact.js";
import { addOutput, removeOutput, retryOutput } from "./actions.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { addressFields, namedOutput, OUTPUTS } from "./output_fields.js";
import { Badge, Notice, Refused } from "./parts.js";
import { runs } from "./playback.js";
import { useStore } from "./store.js";

const STATES = {
  waiting: ["", "Waits"], active: ["good", "Active"], retrying: ["warn", "Tries again"],
  complete: ["good", "Complete"], failed: ["bad", "Failed"], removed: ["", "Removed"],
};
const ENDED = new Set(["complete", "failed", "removed"]);

/** The outputs of a recording as they are now: `known` ones, and what events said since. */
function useOutputs(recordingId, known) {
  const live = useStore((state) => state.outputs);
  const newest = new Map((known ?? []).map((output) => [output.id, output]));
  for (const output of Object.values(live)) if (output.recording_id === recordingId) newest.set(output.id, output);
  return [...newest.values()].sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
}

/** All of them, with a form for another one. */
export function Outputs({ recording, known }) {
  const outputs = useOutputs(recording.id, known);
  const [adding, setAdding] = useState(false);
  return html`<section class="outputs" aria-label="Outputs">
    <div class="section-head"><h3>Outputs</h3><div class="end">
      ${!adding && html`<button onClick=${() => setAdding(true)}><${Icon} name="plus" size="14" />Add output</button>`}</div></div>
    ${!outputs.length && !adding && html`<p class="soft">Nothing but its file is made of it.</p>`}
    ${outputs.length > 0 && html`<ul>${outputs.map((output) => html`<${Output} key=${output.id} output=${output} running=${runs(recording)} />`)}</ul>`}
    ${adding && html`<${AddOutput} recording=${recording} onClose=${() => setAdding(false)} />`}
  </section>`;
}

/** Those that a card has space for: one line each; what is wrong in words. */
export function OutputBadges({ recordingId }) {
  const outputs = useOutputs(recordingId).filter((output) => output.state !== "removed");
  if (!outputs.length) return null;
  return html`<ul class="output-badges" aria-label="Outputs">${outputs.map((output) => html`<li key=${output.id}>
    <${Badge} kind=${STATES[output.state][0]}>${OUTPUTS[output.type]}: ${STATES[output.state][1].toLowerCase()}<//>
    ${output.error && html`<span class="soft">${output.error.error}</span>`}</li>`)}</ul>`;
}

function Output({ output, running }) {
  const [kind, words] = STATES[output.state];
  const [busy, setBusy] = useState(false);
  const name = `${OUTPUTS[output.type]}${output.request.url ? ` to ${output.request.url}` : ""}`;
  const act = async (what) => { setBusy(true); await what(output, name); setBusy(false); };
  const again = output.state === "failed" || output.state === "retrying";
  return html`<li>
    <div class="line"><strong>${OUTPUTS[output.type]}</strong> <${Badge} kind=${kind}>${words}<//>
      <span class="soft figures">${factsOf(output).join(" · ")}</span><span class="end" />
      ${again && (running || output.type === "upload") && html`<button class="plain" disabled=${busy} onClick=${() => act(retryOutput)} aria-label=${`Try ${name} again`}>Try again</button>`}
      ${!ENDED.has(output.state) && html`<button class="plain icon" disabled=${busy} onClick=${() => act(removeOutput)} aria-label=${`Remove ${name}`} title="Remove"><${Icon} name="trash" /></button>`}
    </div>
    ${output.request.url && html`<p class="mono soft truncate">${output.request.url}</p>`}
    ${output.error && html`<${Notice} kind=${output.state === "failed" ? "bad" : "warn"} title=${`${output.error.error.replace(/\.$/, "")}.`}>
      ${adviceOf(output.error)} ${output.next_try_at && output.state === "retrying" && `Next try at ${format.clock(output.next_try_at)}.`}<//>`}
  </li>`;
}

/** `detail` repeats `error` before the advice. */
const adviceOf = ({ error, detail }) => (detail.startsWith(error) ? detail.slice(error.length).replace(/^[.\s]+/, "") : detail);

function factsOf({ request, figures, attempts }) {
  return [
    request.low_latency && "low latency",
    request.window_s && `the last ${format.duration(request.window_s)}`,
    request.type === "images" && (request.interval_s || !request.scene_changes) && `each ${format.number(request.interval_s ?? 10)} s`,
    request.scene_changes && "at scene changes",
    request.keep_local === "until_uploaded" && "the file here is deleted then",
    ...sentOf(figures),
    ...piecesOf(figures),
    figures.kbps && format.bitRate(1000 * figures.kbps),
    figures.behind_s && `${format.number(figures.behind_s, 1)} s behind`,
    request.type === "push" && figures.undecodable > 0 && `${format.plural(figures.undecodable, "packet")} of audio not decoded`,
    figures.reconnects > 0 && format.plural(figures.reconnects, "reconnection"),
    figures.tiles !== undefined && format.plural(figures.count, "image"),
    figures.fallback_used && "to the second target",
    attempts > 0 && format.plural(attempts, "failure"),
  ].filter(Boolean);
}

/** A push counts bytes; an upload knows how many there are. */
function sentOf({ tiles, bytes, bytes_uploaded: uploaded, bytes_total: total, files }) {
  if (uploaded != null) return [`${format.bytes(uploaded)}${total ? ` of ${format.bytes(total)}` : ""} uploaded`, files > 1 && format.plural(files, "file")];
  return [bytes && tiles === undefined && `${format.bytes(bytes)} sent`];
}

/** Of HLS at a target: how many are there, and what of the recording isn't yet. */
function piecesOf({ pieces, pieces_uploaded: there, pieces_behind_s: behind }) {
  if (there == null) return [];
  return [`${format.number(there)} of ${format.plural(pieces, "HLS piece")} uploaded`, behind > 0 && `HLS ${format.number(behind, 1)} s behind`];
}

const NOTHING = { type: "push", url: "", token: "", low_latency: false, hls: false, keep_local: false };

/** Of a recording that has ended only uploads can be added. */
function AddOutput({ recording, onClose }) {
  const types = runs(recording) ? ["push", "upload", "hls"] : ["upload"];
  const [given, setGiven] = useState({ ...NOTHING, type: types[0] });
  const [refusal, setRefusal] = useState(null);
  const [busy, setBusy] = useState(false);
  const add = async (event) => {
    event.preventDefault();
    setBusy(true);
    const refused = await addOutput(recording.id, namedOutput(given));
    if (!refused) return onClose();
    setRefusal(refused);
    setBusy(false);
  };
  const change = (patch) => setGiven({ ...given, ...patch });
  return html`<form class="fields inside" onSubmit=${add} aria-label="Add an output">
    <label class="field"><span>Output</span>
      <select value=${given.type} onChange=${(event) => change({ type: event.target.value })}>
        ${types.map((type) => html`<option key=${type} value=${type} selected=${type === given.type}>${OUTPUTS[type]}</option>`)}</select></label>
    ${addressFields(given, change)}
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    <div class="actions right"><button type="button" onClick=${onClose}>Cancel</button><button class="primary" disabled=${busy}>Add</button></div>
  </form>`;
}
