/** The live view: running recordings, live streams, and the machine. */

import { html, useState } from "../vendor/preact.js";
import { MachineCharts } from "./charts.js";
import { Empty, Heading, Loading, Section } from "./parts.js";
import { Player } from "./player.js";
import { Running } from "./running.js";
import { useStore } from "./store.js";
import { Streams } from "./streams.js";

export const Live = () => html`
  <div class="view">
    <${Heading} title="Live" />
    <div class="with-aside">
      <div><${Recordings} /><${Streams} /></div>
      <aside class="machine" aria-label="This machine">
        <div class="section-head"><h2>This machine</h2></div>
        <${MachineCharts} />
      </aside>
    </div>
  </div>`;

function Recordings() {
  const active = useStore((state) => state.active);
  const [watched, setWatched] = useState(null);
  const rows = Object.values(active ?? {}).sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
  return html`<${Section} title="Recording now" count=${active ? rows.length : undefined}>
    ${!active && html`<div class="card"><${Loading} rows=${1} height=${180} /></div>`}
    ${active && !rows.length && html`<div class="card">
      <${Empty} icon="film" title="Nothing is being recorded">Choose a live stream below to start.<//></div>`}
    <ul class="running">${rows.map((row) => html`<${Running} key=${row.id} recording=${row} onWatch=${() => setWatched(row)} />`)}</ul>
    ${watched && html`<${Player} recording=${watched} state=${active?.[watched.id]?.state ?? "ended"} onClose=${() => setWatched(null)} />`}
  <//>`;
}
