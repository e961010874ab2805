/** Figures as text. A value that was not measured is a dash, never a zero. */

export const NOTHING = "–";

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

export function bytes(value) {
  if (!known(value)) return NOTHING;
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1);
  const scaled = value / 1000 ** step;
  return `${scaled.toFixed(step === 0 || scaled >= 99.95 ? 0 : 1)} ${units[step]}`;
}

export function bitRate(value) {
  if (!known(value)) return NOTHING;
  return value < 1e6 ? `${Math.round(value / 1000)} kbit/s` : `${(value / 1e6).toFixed(1)} Mbit/s`;
}

export function duration(seconds) {
  if (!known(seconds)) return NOTHING;
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export const number = (value, digits = 0) =>
  known(value)
    ? value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : NOTHING;

export const cores = (value) => number(value, 2);
export const speed = (value) => (known(value) ? `${value.toFixed(2)}×` : NOTHING);
export const size = (width, height) => (width && height ? `${width}×${height}` : NOTHING);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function day(moment) {
  if (!moment) return NOTHING;
  const at = new Date(moment);
  const year = at.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return at.toLocaleString("en", { month: "short", day: "numeric", year, hour: "2-digit", minute: "2-digit", hour12: false });
}

export const clock = (moment) => new Date(moment).toLocaleTimeString("en", { hour12: false });

const FORMATS = { av1: "AV1", mp4: "MP4", webm: "WebM", mkv: "Matroska" };
export const format = (name) => FORMATS[name] ?? name;

/** The title of a stream: its name, its symbol, else its id. */
export const title = (stream, id) => stream?.name || stream?.symbol || id;

export const initials = (words) =>
  (words.match(/[\p{L}\p{N}]+/gu) ?? ["?"]).slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");

/** A constant colour for each stream. */
export const hue = (id) => [...id].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) % 360, 7);
