/** The server: its health, processes and settings. */

import { html, useState } from "../vendor/preact.js";
import { closeSession, get, post } from "./api.js";
import { MachineCharts } from "./charts.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { Dialog, Heading, Loading, Notice, Refused, Section, useAnswer } from "./parts.js";
import { say, set, useStore } from "./store.js";

export const System = () => html`<div class="view">
  <${Heading} title="System" />
  <${Checks} />
  <${Section} title="This machine"><div class="charts-wide"><${MachineCharts} /></div><//>
  <${Processes} />
  <${OutputDirectory} />
  <${Settings} />
</div>`;

function Checks() {
  const health = useStore((state) => state.health);
  return html`<${Section} title="Health" end=${health && html`<span class="soft figures">version ${health.version}, up ${format.duration(health.uptime_seconds)}</span>`}>
    <div class="card">
      ${!health && html`<${Loading} rows=${1} />`}
      ${health && html`<ul class="checks">${health.checks.map((check) => html`
        <li key=${check.name} class=${KINDS[check.status]}><${Icon} name=${check.status === "ok" ? "check" : "warn"} size="18" />
          <div><h3>${CHECKS[check.name] ?? check.name[0].toUpperCase() + check.name.slice(1)}</h3>
            <p class="soft">${check.message} ${check.advice}</p></div></li>`)}</ul>`}
    </div>
  <//>`;
}

const KINDS = { ok: "good", warning: "warn", failed: "bad" };
const CHECKS = { cpu: "CPU", ffmpeg: "ffmpeg" };

const ROLES = { server: "Server", worker: "Worker", ffmpeg: "ffmpeg", input: "Input", publisher: "Publisher" };

function Processes() {
  const processes = useStore((state) => state.processes);
  const [log, setLog] = useState(null);
  return html`<${Section} title="Processes" count=${processes?.length}>
    <div class="card scroll" tabindex="0" role="region" aria-label="Processes">
      ${!processes && html`<${Loading} />`}
      ${processes && html`<table><thead><tr><th scope="col">Process</th><th scope="col">Stream</th><th scope="col">State</th>
        <th scope="col" class="number">CPU now</th><th scope="col" class="number">1 min</th><th scope="col" class="number">Memory</th>
        <th scope="col" class="number">Threads</th><th scope="col" class="number">Frames/s</th><th scope="col" class="number">Dropped</th>
        <th scope="col" class="number">Restarts</th><th scope="col"><span class="visually-hidden">Log</span></th></tr></thead>
        <tbody>${processes.map((p) => html`<${Process} key=${p.pid} process=${p} onLog=${() => setLog(p)} />`)}</tbody></table>`}
    </div>
    ${log && html`<${Log} process=${log} onClose=${() => setLog(null)} />`}
  <//>`;
}

const Process = ({ process: p, onLog }) => html`<tr>
  <th scope="row">${ROLES[p.role]} <span class="soft mono">${p.pid}</span></th>
  <td>${p.mint_id ?? format.NOTHING}</td><td>${p.state}</td>
  <td class="number">${format.cores(p.cpu_cores)}</td><td class="number">${format.cores(p.cpu_cores_1m)}</td>
  <td class="number">${format.bytes(p.rss_bytes)}</td><td class="number">${format.number(p.threads)}</td>
  <td class="number">${format.number(p.fps, 1)}</td><td class="number">${format.number(p.frames_dropped)}</td>
  <td class="number">${format.number(p.restarts)}</td>
  <td>${p.log_url && html`<button class="plain" onClick=${onLog} aria-label=${`Log of ${ROLES[p.role]} ${p.pid}`}><${Icon} name="log" />Log</button>`}</td>
</tr>`;

function Log({ process, onClose }) {
  const [log, refusal, again] = useAnswer(() => get(process.log_url), process.pid);
  return html`<${Dialog} title=${`Log of ${ROLES[process.role]} ${process.pid}`} onClose=${onClose}>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    ${log && html`<pre class="log" tabindex="0">${log.lines.join("\n") || "The log is empty."}</pre>`}
    <div class="actions right"><button onClick=${again}>Read again</button></div>
  <//>`;
}

function OutputDirectory() {
  const [folder, refusal, again] = useAnswer(() => get("/api/recording/output-directory"));
  const [typed, setTyped] = useState(null);
  const [refused, setRefused] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    try {
      await post("/api/recording/set-output-directory", { directory: typed });
      say("The next recording goes there");
      setRefused(null);
      setTyped(null);
      again();
    } catch (reason) {
      setRefused(reason);
    }
  };
  const now = folder?.output_directory ?? "";
  return html`<${Section} title="Output directory">
    <form class="card directory" onSubmit=${save}>
      <label class="field"><span>Folder for new recordings; running recordings stay where they are</span>
        <input type="text" spellcheck=${false} value=${typed ?? now} disabled=${!folder} onInput=${(e) => setTyped(e.target.value)} /></label>
      <button class="primary" disabled=${typed === null || typed === now}>Save</button>
      ${folder && !folder.exists && html`<${Notice}>It will be created when the first recording starts.<//>`}
      ${folder?.exists && !folder.writable && html`<${Notice} kind="bad" title="It is not writable.">Choose another folder, or change its permissions.<//>`}
      ${(refused ?? refusal) && html`<${Refused} refusal=${refused ?? refusal} />`}
    </form>
  <//>`;
}

function Settings() {
  const [list, refusal] = useAnswer(() => get("/api/settings"));
  const locked = list?.settings.some((s) => s.name === "api_key" && s.value);
  return html`<${Section} title="Settings" end=${locked && html`<${SignOut} />`}>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    <div class="card scroll" tabindex="0" role="region" aria-label="Settings">
      ${!list && !refusal && html`<${Loading} />`}
      ${list && html`<table><thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">From</th><th scope="col">Meaning</th></tr></thead>
        <tbody>${list.settings.map((s) => html`<tr key=${s.name}><th scope="row"><code>${s.name}</code></th>
          <td class="wide">${s.value || format.NOTHING}</td><td class="soft">${s.origin}</td><td class="wide soft">${s.description}</td></tr>`)}</tbody></table>`}
    </div>
  <//>`;
}

function SignOut() {
  const [refused, setRefused] = useState(null);
  const leave = async () => {
    try {
      await closeSession();
      set({ locked: true });
    } catch (reason) {
      setRefused(reason);
    }
  };
  return html`<button class="plain" onClick=${leave}>Sign out</button>${refused && html`<${Refused} refusal=${refused} />`}`;
}
