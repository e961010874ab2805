/** HLS of a recording in a video element, by hls.js, which is loaded when it is needed. */

import { addressOf, Refusal } from "./api.js";
import { followLive } from "./live_edge.js";
import { codecsOf, inWords, unplayable } from "./playable.js";

const AGAIN_MS = 2000;
/** How often something that failed is tried again, with AGAIN_MS in between, before it is reported. */
const MOST_TRIES = 30;
const MOST_RECOVERIES = 3;
/**
 * So far inside its beginning a live playlist is begun: hls.js 1.7.4 adds up durations, has it begin at 2e-16 instead of 0,
 * and never loads anything for a position before that.
 */
const INSIDE_S = 0.02;
/** How fast what is behind live is played at most, to catch up: with parts there is little that can be behind. */
const CATCH_UP = 1.1;
const CATCH_UP_IN_PARTS = 1.5;

const NOT_PLAYABLE = (codecs) => ({
  error: `This browser can't play ${inWords(codecs)}`,
  detail: "Another browser may; or download the file for another player once it is there.",
  code: "codec",
});

const CONFIG = {
  // Pieces are fragmented MP4: there is nothing to repackage in a worker, which would need another policy for this page.
  enableWorker: false,
  lowLatencyMode: true,
  maxLiveSyncPlaybackRate: CATCH_UP,
  backBufferLength: 60,
};

/** The text of a playlist; throws what the server says, with its advice. */
async function playlist(address) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Refusal(0, { error: "The recorder does not respond", code: "silent" });
  }
  if (response.ok) return response.text();
  const failure = await response.json().catch(() => ({ error: `The server responded with status ${response.status}` }));
  throw new Refusal(response.status, failure);
}

/** Nothing of it is there yet, or the server is away: worth another try. */
const passes = ({ status, code }) => status === 0 || status === 503 || code === "hls_not_ready";

/**
 * Plays the recording's HLS in `video`. `tell(refusal)` is called when it can't be played, with null when it can after all.
 */
export function playHls(video, path, tell) {
  const address = addressOf(path);
  let hls = null;
  let edge = null;
  let ended = false;
  let timer = 0;
  let tries = 0;
  let recoveries = 0;

  const again = (what) => {
    tries += 1;
    timer = setTimeout(what, AGAIN_MS);
  };

  async function begin() {
    try {
      const master = await playlist(address);
      const missing = unplayable(codecsOf(master));
      if (missing.length) throw new Refusal(0, NOT_PLAYABLE(missing));
      const { default: Hls } = await import("../vendor/hls.js");
      if (ended) return;
      tell(null);
      if (Hls.isSupported()) attach(Hls);
      else video.src = address; // iPhones play it themselves
    } catch (refusal) {
      if (ended) return;
      if (!(refusal instanceof Refusal)) throw refusal;
      tell(refusal);
      if (passes(refusal) && tries < MOST_TRIES) again(begin);
    }
  }

  function attach(Hls) {
    hls = new Hls(CONFIG);
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
      hls.config.maxLiveSyncPlaybackRate = details.partList ? CATCH_UP_IN_PARTS : CATCH_UP;
    });
    hls.on(Hls.Events.FRAG_BUFFERED, () => { tries = 0; tell(null); });
    hls.on(Hls.Events.ERROR, (_, { fatal, type, details, response, error }) => {
      if (fatal) failed(Hls, { type, details, response, error });
    });
    edge = followLive(Hls, hls, video);
    hls.loadSource(address);
    hls.attachMedia(video);
  }

  function detach() {
    edge?.end();
    hls?.destroy();
    edge = hls = null;
  }

  function anew() {
    detach();
    begin();
  }

  function failed(Hls, { type, details, response, error }) {
    if (type === Hls.ErrorTypes.MEDIA_ERROR && recoveries < MOST_RECOVERIES) {
      recoveries += 1;
      hls.recoverMediaError();
      return;
    }
    if (type === Hls.ErrorTypes.NETWORK_ERROR && tries < MOST_TRIES) {
      again(() => (hls.levels.length ? hls.startLoad() : anew()));
      return;
    }
    const what = response?.code ? `status ${response.code}` : error?.message ?? details;
    tell(new Refusal(0, { error: "The recording can't be played here", detail: `The player says: ${what}.`, code: "player" }));
  }

  begin();
  return {
    /** What is played: {start, end, live, behind}; null until it is known. */
    place() {
      const level = hls?.latestLevelDetails;
      if (!level) return null;
      const live = level.live;
      return {
        start: level.fragmentStart + (live ? INSIDE_S : 0),
        end: level.edge,
        live,
        behind: live ? Math.max(hls.latency, 0) : 0,
        target: live ? hls.targetLatency ?? 0 : 0,
      };
    },
    /** Goes there, and stays as far behind live as that is. */
    seek(time) {
      edge?.leave();
      video.currentTime = time;
    },
    goLive: () => edge?.goLive(),
    end() {
      ended = true;
      clearTimeout(timer);
      detach();
    },
  };
}
