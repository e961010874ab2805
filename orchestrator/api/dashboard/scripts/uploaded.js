/** Where a recording was uploaded to, to be played from there. */

import { html } from "../vendor/preact.js";
import { addressOf, get } from "./api.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { Loading, Notice, useAnswer } from "./parts.js";

/** The address of an uploaded file on this server, which leads to it: to an address with a signature, or for a folder to the file itself. */
const pathOf = (recordingId, name) => `/api/recordings/${recordingId}/uploads/${name.split("/").map(encodeURIComponent).join("/")}`;

/**
 * The media files of a recording at their targets. They open in a tab of their own: this page's policy lets it load
 * from no other host, and which hosts those are is nobody's business but the target's.
 */
export function Uploaded({ details }) {
  const [answer] = useAnswer(() => get(`/api/recordings/${details.id}/uploads`), details.id);
  const wanted = details.outputs.some((output) => output.type === "upload");
  if (!wanted) return null;
  if (!answer) return html`<${Loading} rows=${1} height=${40} />`;
  const files = answer.files.filter((file) => file.part !== null);
  if (!files.length) return html`<${Notice}>No file of it has arrived where it was to be uploaded to.<//>`;
  return html`<ul class="uploaded" aria-label="Uploaded files">${files.map((file) => html`<li key=${`${file.output_id} ${file.name}`}>
    <a class="button" href=${addressOf(pathOf(details.id, file.name))} target="_blank" rel="noreferrer"><${Icon} name="play" />Play ${file.name}</a>
    <span class="soft">${format.bytes(file.size_bytes)} at <span class="mono">${file.location}</span></span></li>`)}</ul>`;
}
