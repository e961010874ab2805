/** Small charts of the machine over the last ten minutes. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import uPlot from "../vendor/uPlot.js";
import * as format from "./format.js";
import { bounds, history, onSample } from "./machine.js";
import { useStore } from "./store.js";

/** The shortest period of a chart in seconds; the longest is the ten minutes of the history. */
const LEAST_S = 120;
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Draws the limit above which no recording can start. */
const limitLine = (limit) => (plot) => {
  const value = limit();
  if (value === null || value > plot.scales.y.max) return;
  const { ctx, bbox } = plot;
  const y = plot.valToPos(value, "y", true);
  ctx.save();
  ctx.strokeStyle = colour("--record");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
};

function options(box, { top, limit, words }) {
  const axis = { stroke: colour("--soft"), font: `11px ${colour("--font")}`, ticks: { show: false } };
  const grid = { stroke: colour("--line"), width: 1 };
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 14, 0, 0],
    scales: {
      x: { range: (_, oldest, newest) => [Math.min(oldest, newest - LEAST_S), newest] },
      y: { range: () => [0, top() || 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 22, splits: moments, values: (u, marks) => marks.map((at) => ago(u.scales.x.max - at)) },
      { ...axis, grid, size: 50, splits: () => [0, top() / 2, top()], values: (_, marks) => marks.map(words) },
    ],
    series: [
      {},
      { stroke: colour("--line-strong"), fill: colour("--sunken"), width: 1.5, points: { show: false } },
      { stroke: colour("--accent"), width: 2, points: { show: false } },
    ],
    hooks: { draw: [limitLine(limit)] },
  };
}

/** The ticks: now and whole minutes before, two or three in all. */
function moments(plot) {
  const { min, max } = plot.scales.x;
  const step = 60 * Math.max(Math.floor((max - min) / 60 / 2), 1);
  return [max - 2 * step, max - step, max].filter((at) => at >= min);
}

const ago = (seconds) => (seconds ? `−${Math.round(seconds / 60)} min` : "now");

/** A plot of the columns from `data`; redrawn with each sample and when the colours change. */
function Plot(chart) {
  const box = useRef();
  const newest = useRef(chart);
  newest.current = chart;
  useEffect(() => {
    const now = { top: () => newest.current.top, limit: () => newest.current.limit, words: chart.words };
    const make = () => new uPlot(options(box.current, now), newest.current.data(), box.current);
    let plot = make();
    const again = () => { plot.destroy(); plot = make(); };
    const resized = new ResizeObserver(() => plot.setSize({ width: box.current.clientWidth, height: box.current.clientHeight }));
    const silence = onSample(() => document.hidden || plot.setData(newest.current.data()));
    resized.observe(box.current);
    dark.addEventListener("change", again);
    return () => {
      silence();
      resized.disconnect();
      dark.removeEventListener("change", again);
      plot.destroy();
    };
  }, []);
  return html`<div class="plot" ref=${box} aria-hidden="true" />`;
}

/** A chart with its newest value as text, for screen readers. */
const Chart = ({ title, value, ours, limitWords, ...plot }) => html`
  <figure class="card chart">
    <figcaption><h3>${title}</h3><span class="value">${value}</span></figcaption>
    <${Plot} ...${plot} />
    <div class="key figures">
      <span class="all"><i />all</span>
      ${ours && html`<span class="ours"><i />recorder ${ours}</span>`}
      ${limitWords && html`<span class="limit"><i />${limitWords}</span>`}
    </div>
  </figure>`;

/** Redraws the component with each sample. */
function useSamples() {
  const [, draw] = useState();
  useEffect(() => onSample(() => draw({})), []);
}

/** The disk space that is kept free: below it no recording can start. */
const useReserve = () => useStore((state) =>
  state.health?.checks?.find((check) => check.name === "disk")?.figures.reserve_bytes ?? null);

export function MachineCharts() {
  useSamples();
  const capacity = useStore((state) => state.capacity);
  const reserve = useReserve();
  const past = history();
  const most = bounds();
  if (!most) return html`<div class="skeleton" style=${{ height: "150px" }} />`;
  const last = (name) => past[name].at(-1) ?? null;
  const columns = (...names) => () => [past.at, ...names.map((name) => past[name])];
  const limit = capacity?.limit_cores ?? null;
  const full = reserve !== null && most.disk_total_bytes !== null ? most.disk_total_bytes - reserve : null;
  return html`
    <${Chart} title="CPU" value=${`${format.cores(last("cpu_cores"))} of ${format.number(most.cores)} cores`}
      ours=${format.cores(last("cpu_cores_ours"))} top=${most.cores} words=${(n) => n.toFixed(1)}
      limit=${limit} limitWords=${limit !== null && `limit for recordings ${format.cores(limit)}, free ${format.cores(capacity.free_cores)}`}
      data=${columns("cpu_cores", "cpu_cores_ours")} />
    <${Chart} title="Memory" value=${`${format.bytes(last("memory_bytes"))} of ${format.bytes(most.memory_limit_bytes)}`}
      ours=${format.bytes(last("memory_bytes_ours"))} top=${most.memory_limit_bytes} words=${format.bytes} limit=${null}
      data=${columns("memory_bytes", "memory_bytes_ours")} />
    <${Chart} title="Disk" value=${`${format.bytes(most.disk_free_bytes ?? null)} free`}
      top=${most.disk_total_bytes} words=${format.bytes} limit=${full} limitWords=${full !== null && `${format.bytes(reserve)} are kept free`}
      data=${() => [past.at, past.disk_used_bytes, past.at.map(() => null)]} />`;
}
