/**
 * Keeps what is watched live near live, also behind a time in which network or machine were too slow. hls.js 1.7.4 plays faster only
 * while little is missing, and each stall has it stay a second further back for good.
 */

const LOOK_MS = 1000;
/** In seconds behind where live is played: nearer than that counts as live, further than that in parts is far. */
const NEAR_S = 1;
const FAR_IN_PARTS_S = 2;
/** For so many looks it has to be far before it goes to live at once; twice as many each time that it didn't help. */
const FAR_LOOKS = 5;
const MOST_LOOKS = 60;
/** Less than this isn't worth going for. */
const LEAST_JUMP_S = 1;
/** How much further back each stall makes it stay where there are parts, and after what time without one it is as near as before. */
const STALL_S = 0.5;
const CALM_MS = 20_000;

/** Who goes back or pauses is left alone until live is reached again. */
export function followLive(Hls, hls, video) {
  let following = true;
  let far = 0;
  let needed = FAR_LOOKS;
  let seeking = 0;
  let stalledAt = performance.now();

  const leave = () => { following = false; };

  /** As near as the playlist says, however often it stalled before. */
  const comeNear = (details) => {
    if (details?.partList) hls.targetLatency = details.partHoldBack;
  };

  const stalled = (_, { details }) => {
    if (details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) stalledAt = performance.now();
  };

  function jump() {
    if (hls.liveSyncPosition != null) video.currentTime = hls.liveSyncPosition;
  }

  function look() {
    const details = hls.latestLevelDetails;
    // While it seeks, hls.js still has the latency of before: who has just gone back would be taken to live again.
    seeking = video.seeking ? seeking + 1 : 0;
    if (!details?.live || video.paused || (seeking && seeking <= FAR_LOOKS)) return;
    if (details.partList) hls.config.liveSyncOnStallIncrease = STALL_S;
    if (performance.now() - stalledAt > CALM_MS && hls.targetLatency > details.partHoldBack) comeNear(details);
    const late = hls.latency - hls.targetLatency;
    if (late < NEAR_S) {
      following = true;
      needed = FAR_LOOKS;
    }
    // Further behind than this hls.js plays no faster.
    const limit = details.partList ? FAR_IN_PARTS_S : hls.targetLatency + details.targetduration;
    const worth = hls.liveSyncPosition > video.currentTime + LEAST_JUMP_S;
    far = following && worth && late > limit ? far + 1 : 0;
    if (far < needed) return;
    far = 0;
    needed = Math.min(2 * needed, MOST_LOOKS);
    jump();
  }

  hls.on(Hls.Events.ERROR, stalled);
  video.addEventListener("pause", leave);
  const timer = setInterval(look, LOOK_MS);
  return {
    leave,
    goLive() {
      following = true;
      needed = FAR_LOOKS;
      comeNear(hls.latestLevelDetails);
      jump();
    },
    end() {
      clearInterval(timer);
      video.removeEventListener("pause", leave);
    },
  };
}
