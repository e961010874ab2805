/** Follows /api/events: all changes as they happen. */

import { feed } from "./feed.js";
import * as machine from "./machine.js";
import { now, put, say, set } from "./store.js";

const ENDED = new Set(["completed", "failed", "aborted"]);
const FINISHED = new Set(["completed", "failed", "cancelled"]);

let follower = null;

/** Connects, or reconnects after signing in. */
export function follow() {
  follower ??= globalThis.SharedWorker ? sharedConnection() : ownConnection();
  follower();
}

/** One connection for all tabs. */
function sharedConnection() {
  const worker = new SharedWorker(new URL("./events-worker.js", import.meta.url), { type: "module" });
  worker.port.onmessage = ({ data: { kind, data } }) => handle(kind, data);
  const join = () => worker.port.postMessage(Object.keys(KINDS));
  // A page in the back-forward cache receives no events until it is shown again.
  addEventListener("pagehide", () => worker.port.postMessage("leave"));
  addEventListener("pageshow", (event) => event.persisted && join());
  worker.onerror = () => { follower = ownConnection(); follower(); };
  return join;
}

/** A connection for this tab alone, for browsers without shared workers. */
const ownConnection = () => feed(Object.keys(KINDS), handle).begin;

function handle(kind, data) {
  if (kind === "lost") set({ connection: "lost" });
  else if (kind === "locked") set({ locked: true });
  else KINDS[kind](JSON.parse(data));
}

function showCurrent({ figures, recordings, encodes, encode_queue, outputs, streams }) {
  set({
    connection: "live",
    locked: false,
    active: Object.fromEntries(recordings.map((row) => [row.id, row])),
    encodes: Object.fromEntries(encodes.map((row) => [row.recording_id, row])),
    encodesPaused: encode_queue.paused,
    outputs: Object.fromEntries(outputs.map((row) => [row.id, row])),
    streams: streams ?? now().streams,
    historyVersion: now().historyVersion + 1,
  });
  machine.load().catch(() => machine.add(figures.system));
  updateFigures(figures);
}

function updateFigures({ recordings, processes, system }) {
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

function encode(row) {
  if (!FINISHED.has(row.state)) return put("encodes", row.recording_id, row);
  put("encodes", row.recording_id, undefined);
  set({ historyVersion: now().historyVersion + 1 });
  if (row.state === "failed") say(`${row.error} ${row.detail}`, "bad");
}

/** What ended with its recording stays as long as the page shows it. */
function output(row) {
  put("outputs", row.id, row);
  if (row.state === "failed" && row.error) say(row.error.detail, "bad");
}

const KINDS = {
  reset: showCurrent,
  snapshot: showCurrent,
  figures: updateFigures,
  recording,
  deleted,
  encode,
  output,
  encode_queue: ({ paused }) => set({ encodesPaused: paused }),
  streams: (streams) => set({ streams }),
};
