/** Small images for a time line: WebVTT whose cues name places in larger images (Media Fragments URI §4.2.2). */

import { addressOf, get } from "./api.js";

const AGAIN_MS = 10_000;

const CUE = /^((?:\d+:)?\d{2}:\d{2}\.\d{3})\s+-->\s+((?:\d+:)?\d{2}:\d{2}\.\d{3})[^\n]*\n(.+)$/gm;
const PLACE = /^(.*)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/;

const seconds = (time) => time.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);

/** The cues of such a file: [{from, to, image, x, y, width, height}], `image` being an address. */
export function cuesOf(text, address) {
  const found = [];
  for (const [, from, to, payload] of text.replace(/\r\n?/g, "\n").matchAll(CUE)) {
    const place = PLACE.exec(payload.trim());
    if (!place) continue;
    const [x, y, width, height] = place.slice(2).map(Number);
    found.push({ from: seconds(from), to: seconds(to), image: new URL(place[1], address).href, x, y, width, height });
  }
  return found;
}

/** The cue of a time: the one that it is in, else the last before it. */
export function cueAt(cues, time) {
  let low = 0;
  let high = cues.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cues[middle].from <= time) low = middle + 1;
    else high = middle;
  }
  return cues[Math.max(low - 1, 0)] ?? null;
}

/** The cues of a recording; none if it has no such images. */
export async function spriteCues(recordingId) {
  try {
    const base = `/api/recordings/${recordingId}/sidecars`;
    const { sidecars } = await get(`${base}?kind=sprite_vtt`);
    if (!sidecars.length) return [];
    const address = new URL(addressOf(`${base}/${encodeURIComponent(sidecars[0].name)}`), location.href).href;
    const response = await fetch(address);
    return response.ok ? cuesOf(await response.text(), address) : [];
  } catch {
    return [];
  }
}

/** Calls `take(cues)` now, and again and again while the recording runs; returns what ends that. */
export function followSprites(recordingId, runs, take) {
  let timer = 0;
  let gone = false;
  const look = async () => {
    const cues = await spriteCues(recordingId);
    if (gone) return;
    take(cues);
    if (runs) timer = setTimeout(look, AGAIN_MS);
  };
  look();
  return () => {
    gone = true;
    clearTimeout(timer);
  };
}
