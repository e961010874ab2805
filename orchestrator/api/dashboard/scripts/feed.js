/** A connection to /api/events that always reconnects. */

import { addressOf } from "./api.js";

const AGAIN_MS = 2000;

/** Calls `take(name, data)` for events of these names, "lost" and "locked"; starts with `begin`. */
export function feed(names, take) {
  let source = null;
  let again = 0;

  /** Connects or reconnects, which delivers the current state. */
  function begin() {
    end();
    source = new EventSource(addressOf("/api/events"));
    for (const name of names) source.addEventListener(name, (event) => take(name, event.data));
    source.onerror = lost;
  }

  // The browser reconnects after a broken connection, but not after an error response.
  async function lost() {
    take("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(again);
    again = setTimeout(begin, AGAIN_MS);
    const status = await fetch(addressOf("/api/recording/formats")).then((answer) => answer.status, () => 0);
    if (status !== 401) return;
    clearTimeout(again);
    take("locked");
  }

  function end() {
    clearTimeout(again);
    source?.close();
  }

  return { begin, end };
}
