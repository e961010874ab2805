/** The time line of a player: a slider with an image of the time under the pointer. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import * as format from "./format.js";
import { cueAt, followSprites } from "./sprites.js";

const STEP_S = 5;
const LONG_STEP_S = 30;

/** Seconds that a key moves by; both ends are the slider's own. */
const KEYS = { ArrowLeft: -STEP_S, ArrowDown: -STEP_S, ArrowRight: STEP_S, ArrowUp: STEP_S, PageDown: -LONG_STEP_S, PageUp: LONG_STEP_S };

function useSprites(recordingId, runs) {
  const [cues, setCues] = useState([]);
  useEffect(() => followSprites(recordingId, runs, setCues), [recordingId, runs]);
  return cues;
}

/** `offset`: where what is played begins in the recording, whose times the images have. */
export function TimeLine({ recordingId, runs, offset, place, onSeek }) {
  const { start, end, time, live, behind } = place;
  const cues = useSprites(recordingId, runs);
  const [shown, setShown] = useState(null);
  const bounded = (at) => Math.min(Math.max(at, start), end);
  const seek = (at) => onSeek(bounded(at));
  const onKeyDown = (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    const to = bounded(time + KEYS[event.key]);
    setShown(to);
    onSeek(to);
  };
  const point = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setShown(bounded(start + ((event.clientX - left) / width) * (end - start)));
  };
  const words = `${format.duration(time)} of ${format.duration(end)}${live ? `, ${Math.round(behind)} seconds behind live` : ""}`;
  return html`<div class="time-line" onPointerMove=${point} onPointerLeave=${() => setShown(null)}>
    ${shown !== null && end > start && html`<${Shown} cue=${cues.length ? cueAt(cues, shown + offset) : null} time=${shown} share=${(shown - start) / (end - start)} />`}
    <input type="range" aria-label="Time" aria-valuetext=${words} min=${start} max=${Math.max(end, start + 0.001)} step="any" value=${time}
      onInput=${(event) => seek(Number(event.target.value))} onKeyDown=${onKeyDown} onBlur=${() => setShown(null)} />
  </div>`;
}

/** The image of a time, if there are images, above its place on the line. */
function Shown({ cue, time, share }) {
  const box = useRef();
  useEffect(() => {
    const half = box.current.offsetWidth / 2;
    const width = box.current.parentElement.clientWidth;
    box.current.style.left = `${Math.min(Math.max(share * width, half), Math.max(width - half, half))}px`;
  });
  const style = cue && { backgroundImage: `url("${cue.image}")`, backgroundPosition: `-${cue.x}px -${cue.y}px`, width: `${cue.width}px`, height: `${cue.height}px` };
  return html`<div class="shown" ref=${box} aria-hidden="true">
    ${cue && html`<div class="image" style=${style} />`}<span class="figures">${format.duration(time)}</span></div>`;
}
