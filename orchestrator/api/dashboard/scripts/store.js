/** What the page knows, and which parts of it want to hear of what. */

import { useLayoutEffect, useState } from "../vendor/preact.js";

const state = {
  /** connecting, live or lost */
  connection: "connecting",
  /** The server wants its API key. */
  locked: false,
  /** Recordings that run, by id: the history's line of each with its newest figures. */
  active: null,
  /** The newest list of live streams; null until it came. */
  streams: null,
  processes: null,
  health: null,
  /** How the machine is bounded: /api/capacity, null where it isn't known. */
  capacity: null,
  /** By stream: true while the answer is awaited. */
  starting: {},
  stopping: {},
  /** By stream: why its last start was refused. */
  refusals: {},
  messages: [],
  /** Grows when the history is another one. */
  historyVersion: 0,
  options: remembered(),
};

const listeners = new Set();

export const now = () => state;

export function set(patch) {
  Object.assign(state, patch);
  for (const listener of listeners) listener();
}

/** One part of the state; the component is drawn again when it is another. */
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

/** A key of one of the maps above set, or taken away with undefined. */
export function put(map, key, value) {
  const { [key]: _, ...rest } = state[map];
  set({ [map]: value === undefined ? rest : { ...rest, [key]: value } });
}

const SHOWN_MS = 6000;
let spoken = 0;

/** Says something for a few seconds; screen readers read it. */
export function say(text, kind = "good") {
  const message = { text, kind, key: spoken++ };
  set({ messages: [...state.messages.slice(-2), message] });
  setTimeout(() => set({ messages: state.messages.filter((m) => m !== message) }), SHOWN_MS);
}

/** How the next recording is to be made. */
export function choose(options) {
  set({ options: { ...state.options, ...options } });
  localStorage.setItem("options", JSON.stringify(state.options));
}

function remembered() {
  const usual = { format: "av1", quality: "high", pipeline: "" };
  try {
    return { ...usual, ...JSON.parse(localStorage.getItem("options")) };
  } catch {
    return usual;
  }
}
