/** Icons on a grid of 24, in one line width. Hidden from screen readers: all have text or a label. */

import { html } from "../vendor/preact.js";

const SHAPES = {
  search: html`<circle cx="11" cy="11" r="7" /><path d="m20 20-4-4" />`,
  play: html`<path d="M8 5.5v13l10.5-6.5z" fill="currentColor" />`,
  stop: html`<rect x="6.5" y="6.5" width="11" height="11" rx="2" fill="currentColor" />`,
  dot: html`<circle cx="12" cy="12" r="6" fill="currentColor" />`,
  pause: html`<path d="M9 6.5v11m6-11v11" />`,
  sound: html`<path d="M4.5 9.5v5h3.5l4.5 4v-13l-4.5 4zM16 9a4.5 4.5 0 0 1 0 6m2.5-8.5a8 8 0 0 1 0 11" />`,
  muted: html`<path d="M4.5 9.5v5h3.5l4.5 4v-13l-4.5 4zM16.5 9.5l5 5m0-5-5 5" />`,
  whole: html`<path d="M5 9.5V5h4.5M14.5 5H19v4.5M19 14.5V19h-4.5M9.5 19H5v-4.5" />`,
  download: html`<path d="M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M5 19.5h14" />`,
  trash: html`<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 12.5h9l1-12.5M10.5 11v5m3-5v5" />`,
  close: html`<path d="m6.5 6.5 11 11m0-11-11 11" />`,
  check: html`<path d="m5 12.5 4.5 4.5L19 7.5" />`,
  warn: html`<path d="M12 9v4.5m0 3v.01M10.6 4.3 2.9 17.6A1.6 1.6 0 0 0 4.3 20h15.4a1.6 1.6 0 0 0 1.4-2.4L13.4 4.3a1.6 1.6 0 0 0-2.8 0z" />`,
  info: html`<circle cx="12" cy="12" r="8.5" /><path d="M12 11v5m0-8v.01" />`,
  film: html`<rect x="3.5" y="5" width="17" height="14" rx="2.5" /><path d="M8 5v14m8-14v14M3.5 12h17M3.5 8.5H8m-4.5 7H8m8-7h4.5m-4.5 7h4.5" />`,
  signal: html`<path d="M12 12v.01M8.5 15.5a5 5 0 0 1 0-7m7 0a5 5 0 0 1 0 7M5.6 18.4a9 9 0 0 1 0-12.8m12.8 0a9 9 0 0 1 0 12.8" />`,
  log: html`<path d="M6 4.5h8.5L18 8v11.5H6zM9 11h6m-6 4h6" />`,
  shrink: html`<path d="M19.5 4.5 14 10m0-4.5V10h4.5M4.5 19.5 10 14m0 4.5V14H5.5" />`,
  plus: html`<path d="M12 5v14M5 12h14" />`,
  microphone: html`<rect x="9" y="3.5" width="6" height="11" rx="3" /><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />`,
  more: html`<path d="m6 9.5 6 6 6-6" />`,
  people: html`<circle cx="12" cy="8.5" r="3.5" /><path d="M5 19.5c.7-3.4 3.4-5 7-5s6.3 1.6 7 5" />`,
};

export const Icon = ({ name, size = 16 }) => html`
  <svg viewBox="0 0 24 24" width=${size} height=${size} fill="none" stroke="currentColor"
    stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${SHAPES[name]}</svg>`;
