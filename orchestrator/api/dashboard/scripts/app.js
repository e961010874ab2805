/** The page: its header, and the current view. */

import { html, render, useEffect, useState } from "../vendor/preact.js";
import { watchHealth } from "./actions.js";
import { follow } from "./events.js";
import { Live } from "./live.js";
import { Badge, Count, Notice } from "./parts.js";
import { Recordings } from "./recordings.js";
import { SignIn } from "./sign_in.js";
import { useStore } from "./store.js";
import { System } from "./system.js";

const VIEWS = { live: ["Live", Live], recordings: ["Recordings", Recordings], system: ["System", System] };

const viewName = () => {
  const named = location.hash.replace(/^#\/?/, "");
  return VIEWS[named] ? named : "live";
};

function useViewName() {
  const [here, setHere] = useState(viewName());
  useEffect(() => {
    const moved = () => { setHere(viewName()); scrollTo(0, 0); };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return here;
}

const CONNECTION = { connecting: ["", "Connecting"], lost: ["warn", "Connection lost, reconnecting"] };

const HEALTH = { ok: ["good", "Ready"], degraded: ["warn", "Ready, with warnings"], not_ready: ["bad", "Can't record now"] };

/** The state of the server: the connection first, because without it nothing else is known. */
function ServerState() {
  const connection = useStore((state) => state.connection);
  const health = useStore((state) => state.health);
  if (CONNECTION[connection]) return html`<${Badge} kind=${CONNECTION[connection][0]}>${CONNECTION[connection][1]}<//>`;
  if (!health) return null;
  const [kind, words] = HEALTH[health.status];
  return html`<a href="#/system"><${Badge} kind=${kind}>${words}<//></a>`;
}

function Top({ here }) {
  const running = useStore((state) => Object.keys(state.active ?? {}).length);
  return html`<header class="top">
    <a class="button skip" href="#main" onClick=${(e) => { e.preventDefault(); document.querySelector("h1").focus(); }}>Skip to the content</a>
    <span class="brand"><img src="icon.svg" alt="" />Haven Recorder</span>
    <nav aria-label="Views"><ul>${Object.entries(VIEWS).map(([name, [title]]) => html`
      <li key=${name}><a href=${`#/${name}`} aria-current=${name === here ? "page" : undefined}>${title}
        ${name === "live" && running > 0 && html`<${Count} of=${running} />`}</a></li>`)}</ul></nav>
    <div class="end" role="status"><${ServerState} /></div>
  </header>`;
}

function Messages() {
  const messages = useStore((state) => state.messages);
  return html`<div class="messages" role="status">${messages.map((m) => html`<${Notice} key=${m.key} kind=${m.kind}>${m.text}<//>`)}</div>`;
}

function App() {
  const locked = useStore((state) => state.locked);
  const here = useViewName();
  const View = locked ? SignIn : VIEWS[here][1];
  return html`<${Top} here=${locked ? null : here} /><main id="main"><${View} key=${here} /></main><${Messages} />`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
follow();
watchHealth();
