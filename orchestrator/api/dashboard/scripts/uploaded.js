/** Where a recording was uploaded to, to be played from there. */

import { html } from "../vendor/preact.js";
import { Notice } from "./parts.js";

export function Uploaded({ details }) {
  const uploads = details.outputs.filter((output) => output.type === "upload" && output.state === "complete");
  if (!uploads.length) return null;
  return html`${uploads.map((output) => html`<${Notice} key=${output.id} kind="good" title="It is uploaded.">${output.request.url}<//>`)}`;
}
