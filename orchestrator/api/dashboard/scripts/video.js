/** A video with controls of its own: from a file, or HLS, of which a running recording can be seen from its beginning to now. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { addressOf } from "./api.js";
import * as format from "./format.js";
import { playHls } from "./hls_playback.js";
import { Icon } from "./icons.js";
import { TimeLine } from "./time_line.js";

const TICK_MS = 250;
/** So far behind where live is played counts as live, in seconds. */
const AT_LIVE_S = 3;

const BEFORE = { start: 0, end: 0, time: 0, live: false, behind: 0, target: 0, paused: true, waiting: false, muted: false };

function placeOf(video, hls) {
  const known = hls?.place();
  const ranges = video.seekable;
  const last = ranges.length ? ranges.end(ranges.length - 1) : 0;
  const duration = Number.isFinite(video.duration) ? video.duration : last;
  return {
    start: 0, end: duration, live: false, behind: 0, target: 0, ...known,
    time: video.currentTime, paused: video.paused, muted: video.muted || video.volume === 0,
    waiting: !video.paused && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && !video.ended,
  };
}

/**
 * `source`: {kind: "file" | "hls", path}. `tell(refusal)` says why its HLS can't be played, null once it can; `onBroken` that a file can't.
 * `onKnown(element)` is called when its sizes are known. `seekTo`: {time} of the source, to go there whenever another one is given.
 * `offset`: where the source begins in the recording, in seconds.
 */
export function Video({ source, title, recordingId, runs, offset, seekTo, tell, onBroken, onKnown }) {
  const video = useRef();
  const frame = useRef();
  const hls = useRef(null);
  const [place, setPlace] = useState(BEFORE);
  useEffect(() => {
    const element = video.current;
    const look = () => setPlace(placeOf(element, hls.current));
    const broken = () => source.kind === "file" && element.error && onBroken();
    const known = () => onKnown(element);
    element.addEventListener("error", broken);
    element.addEventListener("loadedmetadata", known);
    if (source.kind === "hls") hls.current = playHls(element, source.path, tell);
    else element.src = addressOf(source.path);
    // Browsers refuse a start with sound that nobody asked for.
    element.play().catch(() => {});
    const timer = setInterval(look, TICK_MS);
    for (const name of ["play", "pause", "seeking", "seeked", "loadedmetadata", "volumechange"]) element.addEventListener(name, look);
    return () => {
      clearInterval(timer);
      element.removeEventListener("error", broken);
      hls.current?.end();
      hls.current = null;
      element.removeAttribute("src");
      element.load();
    };
  }, []);
  useEffect(() => { if (seekTo) seek(seekTo.time); }, [seekTo]);
  const seek = (time) => {
    const here = placeOf(video.current, hls.current);
    const to = Math.max(time, here.start);
    if (hls.current) hls.current.seek(to);
    else video.current.currentTime = to;
    setPlace({ ...here, time: video.current.currentTime });
  };
  const toggle = () => (video.current.paused ? video.current.play().catch(() => {}) : video.current.pause());
  const mute = () => { video.current.muted = !place.muted; if (!video.current.volume) video.current.volume = 1; };
  const goLive = () => { hls.current?.goLive(); video.current.play().catch(() => {}); };
  const whole = () => (document.fullscreenElement ? document.exitFullscreen() : frame.current.requestFullscreen());
  return html`<div class="video" ref=${frame}>
    <div class="screen"><video ref=${video} playsinline preload="metadata" aria-label=${`Recording of ${title}`} onClick=${toggle} />
      ${place.waiting && html`<i class="spinner" role="status" aria-label="Loading" />`}</div>
    <div class="controls" role="group" aria-label="Player">
      <${TimeLine} recordingId=${recordingId} runs=${runs} offset=${offset} place=${place} onSeek=${seek} />
      <div class="line">
        <${Control} name=${place.paused ? "play" : "pause"} label=${place.paused ? "Play" : "Pause"} onClick=${toggle} />
        <${Control} name=${place.muted ? "muted" : "sound"} label=${place.muted ? "Unmute" : "Mute"} onClick=${mute} />
        <span class="figures" data-part="at">${format.duration(place.time)} / ${format.duration(place.end)}</span>
        <span class="end" />
        ${place.live && html`<${LiveButton} place=${place} onClick=${goLive} />`}
        <${Control} name="whole" label="Full screen" onClick=${whole} />
      </div>
    </div>
  </div>`;
}

const Control = ({ name, label, onClick }) => html`
  <button class="plain icon" onClick=${onClick} aria-label=${label} title=${label}><${Icon} name=${name} size="18" /></button>`;

/** Where live is, and how far behind it this plays. */
function LiveButton({ place, onClick }) {
  const late = place.behind - place.target;
  const atLive = late < AT_LIVE_S && !place.paused;
  const distance = format.duration(place.behind);
  const label = atLive ? `Live, ${Math.round(place.behind)} seconds behind` : `Go live, ${distance} behind`;
  return html`<button class="live-button ${atLive ? "at-live" : ""}" onClick=${onClick} aria-label=${label} title=${label}>
    <i class="dot ${atLive ? "live" : ""}" />Live <span class="figures soft" data-part="behind">−${distance}</span></button>`;
}
