/**
 * One event stream for all tabs of this browser: a browser opens at most six connections to an
 * HTTP/1.1 server, and each EventSource keeps one. This SharedWorker lives as long as any tab.
 */

import { feed } from "./feed.js";

const tabs = new Set();
let shared = null;

function tell(kind, data) {
  for (const tab of tabs) tab.postMessage({ kind, data });
}

function leave(tab) {
  tabs.delete(tab);
  if (!tabs.size) shared?.end();
}

onconnect = ({ ports: [tab] }) => {
  tab.onmessage = ({ data }) => {
    if (data === "leave") {
      leave(tab);
    } else {
      tabs.add(tab);
      shared ??= feed(data, tell);
      shared.begin();
    }
  };
};
