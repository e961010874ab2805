/** The state of the page, and the components that depend on it. */

import { useLayoutEffect, useState } from "../vendor/preact.js";

const state = {
  /** connecting, live or lost */
  connection: "connecting",
  /** The server requires its API key. */
  locked: false,
  /** Running recordings by id: their summary with the newest figures. */
  active: null,
  /** Encodes that haven't ended, by the id of their recording. */
  encodes: {},
  /** Outputs that haven't ended, and all of running recordings, by id. */
  outputs: {},
  /** What becomes of the next recordings besides their files. */
  beside: { outputs: {}, webhooks: [], data: "", hide_recording: "" },
  /** Why nothing is encoded now: request, setting or battery; null while the queue runs. */
  encodesPaused: null,
  /** The newest list of live streams; null until it was received. */
  streams: null,
  processes: null,
  health: null,
  /** The capacity of the machine (/api/capacity); null if unknown. */
  capacity: null,
  /** By stream: true while waiting for the response. */
  starting: {},
  stopping: {},
  pausing: {},
  /** By stream: the error of its last start. */
  refusals: {},
  messages: [],
  /** Increases when the history has changed. */
  historyVersion: 0,
  options: remembered(),
};

const listeners = new Set();

export const now = () => state;

export function set(patch) {
  Object.assign(state, patch);
  for (const listener of listeners) listener();
}

/** A part of the state; redraws the component when it changes. */
export function useStore(select) {
  const [, draw] = useState();
  const selected = select(state);
  useLayoutEffect(() => {
    let last = selected;
    const look = () => {
      const next = select(state);
      if (next !== last) draw({});
      last = next;
    };
    look();
    listeners.add(look);
    return () => listeners.delete(look);
  }, []);
  return selected;
}

/** Sets a key in one of the maps above, or removes it with undefined. */
export function put(map, key, value) {
  const { [key]: _, ...rest } = state[map];
  set({ [map]: value === undefined ? rest : { ...rest, [key]: value } });
}

const SHOWN_MS = 6000;
let spoken = 0;

/** Shows a message for a few seconds; screen readers read it. */
export function say(text, kind = "good") {
  const message = { text, kind, key: spoken++ };
  set({ messages: [...state.messages.slice(-2), message] });
  setTimeout(() => set({ messages: state.messages.filter((m) => m !== message) }), SHOWN_MS);
}

/** Sets options for the next recording. */
export function choose(options) {
  set({ options: { ...state.options, ...options } });
  localStorage.setItem("options", JSON.stringify(state.options));
}

function remembered() {
  const usual = { format: "av1", quality: "high", pipeline: "", copies: false, tracks: "selected" };
  try {
    return { ...usual, ...JSON.parse(localStorage.getItem("options")) };
  } catch {
    return usual;
  }
}
