/** Parts that every view uses. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { hue, initials } from "./format.js";

export const Count = ({ of }) => of === undefined ? null : html`<span class="count figures">${of}</span>`;

export const Section = ({ title, count, end, children }) => html`
  <section aria-label=${title}>
    <div class="section-head"><h2>${title}</h2><${Count} of=${count} /><div class="end">${end}</div></div>
    ${children}
  </section>`;

/** The heading takes the focus when the view opens, so that screen readers announce the view. */
export function Heading({ title, children }) {
  const heading = useRef();
  useLayoutEffect(() => {
    document.title = `${title} · Haven Recorder`;
    if (document.activeElement !== document.body) heading.current.focus();
  }, [title]);
  return html`<header>
    <div><h1 tabindex="-1" ref=${heading}>${title}</h1></div>
    <div class="end">${children}</div>
  </header>`;
}

export const Badge = ({ kind = "", children }) => html`<span class="badge ${kind}">${children}</span>`;

export const Notice = ({ kind = "", title, children, onClose, role }) => html`
  <div class="notice ${kind}" role=${role}>
    <${Icon} name=${kind === "good" ? "check" : kind ? "warn" : "info"} />
    <div>${title && html`<strong>${title}</strong> `}${children}</div>
    ${onClose && html`<button class="plain" onClick=${onClose} aria-label="Dismiss"><${Icon} name="close" size="14" /></button>`}
  </div>`;

/** An error of the server, and what to do about it. */
export const Refused = ({ refusal, onClose }) => html`
  <${Notice} kind="bad" role="alert" title=${`${refusal.message.replace(/\.$/, "")}.`} onClose=${onClose}>
    ${refusal.advice}
  <//>`;

export const Empty = ({ icon, title, children }) => html`
  <div class="empty"><${Icon} name=${icon} size="34" /><strong>${title}</strong><span>${children}</span></div>`;

/** Placeholder bars while loading; screen readers announce them once. */
export const Loading = ({ rows = 3, height = 72 }) => html`
  <div role="status"><span class="visually-hidden">Loading</span>
    ${Array.from({ length: rows }, () => html`<div class="skeleton" style=${{ height: `${height}px`, margin: "10px" }} />`)}
  </div>`;

/** A stream's thumbnail, or its initials on its own colour. Images of other hosts are not shown. */
export const Thumbnail = ({ id, title, src, alt = "", children }) => {
  const [broken, setBroken] = useState(null);
  return html`<div class="thumbnail has-initials" style=${{ "--hue": hue(id) }}>
    <span class="initials" aria-hidden="true">${initials(title)}</span>
    ${src && broken !== src && html`<img src=${src} alt=${alt} loading="lazy" onError=${() => setBroken(src)} />`}
    ${children}
  </div>`;
};

/** A modal dialog: Escape and the close button close it, and the focus returns to where it was. */
export function Dialog({ title, onClose, small, children }) {
  const dialog = useRef();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.focus?.();
  }, []);
  const onClick = (event) => event.target === dialog.current && onClose();
  return html`
    <dialog ref=${dialog} class=${small ? "small" : ""} aria-label=${title} onClose=${onClose} onClick=${onClick}>
      <div class="dialog-head">
        <h2 class="truncate">${title}</h2>
        <button class="plain icon" onClick=${onClose} aria-label="Close"><${Icon} name="close" size="18" /></button>
      </div>
      <div class="dialog-body">${children}</div>
    </dialog>`;
}

/** Asks for confirmation of something that can't be undone. */
export function Question({ title, children, verb, onYes, onClose }) {
  const [busy, setBusy] = useState(false);
  const yes = async () => {
    setBusy(true);
    await onYes();
    onClose();
  };
  return html`<${Dialog} title=${title} small onClose=${onClose}>
    <p class="soft">${children}</p>
    <div class="actions right">
      <button onClick=${onClose} autofocus>Cancel</button>
      <button class="primary danger" disabled=${busy} onClick=${yes}>${verb}</button>
    </div>
  <//>`;
}

export const Pair = ({ name, kind = "", children }) => html`<div class=${kind}><dt>${name}</dt><dd>${children}</dd></div>`;

/** The response of a request: [answer, refusal, ask again]; repeated when `key` changes. */
export function useAnswer(ask, key) {
  const [result, setResult] = useState([null, null]);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    ask().then(
      (answer) => gone || setResult([answer, null]),
      (refusal) => gone || setResult(([before]) => [before, refusal]),
    );
    return () => { gone = true; };
  }, [key, turn]);
  return [...result, () => setTurn((n) => n + 1)];
}
