/** Follows /api/events: everything that changes, as it changes. */

import * as api from "./api.js";
import * as machine from "./machine.js";
import { now, put, set } from "./store.js";

const AGAIN_MS = 2000;
const ENDED = new Set(["completed", "failed"]);

let source = null;
let again = 0;

/** Begins, or begins anew: after the key was given. */
export function follow() {
  clearTimeout(again);
  source?.close();
  source = new EventSource("/api/events");
  for (const [name, take] of Object.entries(KINDS)) {
    source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  }
  source.onerror = lost;
}

// The browser comes back by itself after a broken connection; not after an answer that refuses.
function lost() {
  set({ connection: "lost" });
  if (source.readyState !== EventSource.CLOSED) return;
  again = setTimeout(follow, AGAIN_MS);
  api.get("/api/recording/formats").catch((refusal) => {
    if (refusal.status !== 401) return;
    clearTimeout(again);
    set({ locked: true });
  });
}

function present({ figures, recordings, streams }) {
  set({
    connection: "live",
    active: Object.fromEntries(recordings.map((row) => [row.id, row])),
    streams: streams ?? now().streams,
    historyVersion: now().historyVersion + 1,
  });
  machine.load().catch(() => machine.add(figures.system));
  measured(figures);
}

function measured({ recordings, processes, system }) {
  const active = { ...now().active };
  for (const figures of recordings) {
    if (active[figures.id]) active[figures.id] = { ...active[figures.id], ...figures };
  }
  set({ active, processes });
  machine.add(system);
}

function recording(row) {
  const { [row.id]: before, ...others } = now().active ?? {};
  if (ENDED.has(row.state)) {
    set({ active: others, historyVersion: now().historyVersion + 1 });
    put("stopping", row.mint_id, undefined);
  } else {
    set({ active: { ...others, [row.id]: { ...before, ...row } } });
  }
}

function deleted({ id }) {
  const { [id]: _, ...others } = now().active ?? {};
  set({ active: others, historyVersion: now().historyVersion + 1 });
}

const KINDS = {
  reset: present,
  snapshot: present,
  figures: measured,
  recording,
  deleted,
  streams: (streams) => set({ streams }),
};
