/** The machine's last ten minutes, column by column, for the charts. */

import { get } from "./api.js";

const KEPT = 600;

/** The columns of /api/system/history; `disk_used_bytes` is computed here. */
const COLUMNS = ["at", "cpu_cores", "cpu_cores_ours", "memory_bytes", "memory_bytes_ours", "disk_used_bytes"];

let columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
let limits = null;
const listeners = new Set();

export const history = () => columns;

/** cores, memory_limit_bytes, disk_total_bytes; null until there is a sample. */
export const bounds = () => limits;

export function onSample(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const notify = () => listeners.forEach((listener) => listener());
const seconds = (moment) => Date.parse(moment) / 1000;
const used = (total, free) => (total === null || free === null ? null : total - free);

/** Loads the history when the page opens or reconnects. */
export async function load() {
  const past = await get("/api/system/history");
  columns = Object.fromEntries(COLUMNS.map((name) => [name, past[name] ?? []]));
  columns.at = past.at.map(seconds);
  columns.disk_used_bytes = past.disk_free_bytes.map((free) => used(past.disk_total_bytes, free));
  limits = past;
  notify();
}

/** Adds the sample of one second. */
export function add(system) {
  const sample = {
    ...system,
    at: seconds(system.at),
    disk_used_bytes: used(system.disk_total_bytes, system.disk_free_bytes),
  };
  if (sample.at <= (columns.at.at(-1) ?? 0)) return;
  for (const name of COLUMNS) {
    columns[name].push(sample[name]);
    if (columns[name].length > KEPT) columns[name].shift();
  }
  limits = system;
  notify();
}
