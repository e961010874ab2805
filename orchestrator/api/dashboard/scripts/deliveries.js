/** The calls of web hooks about one recording: which arrived, which wait or failed, and trying those again. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { get, post } from "./api.js";
import * as format from "./format.js";
import { Badge, Refused, useAnswer } from "./parts.js";
import { say } from "./store.js";

const STATES = { waiting: ["warn", "Waits"], delivered: ["good", "Delivered"], failed: ["bad", "Failed"] };

const PAGE = 50;
const AGAIN_MS = 3000;

/** Nothing for a recording without calls; no event tells of them, so they are asked for while this is open. */
export function Deliveries({ recordingId }) {
  const [wanted, setWanted] = useState(PAGE);
  const [open, setOpen] = useState(false);
  const path = `/api/webhooks/deliveries?recording_id=${recordingId}&limit=${wanted}`;
  const [answer, refusal, again] = useAnswer(() => get(path), path);
  useEffect(() => {
    const asking = open && setInterval(again, AGAIN_MS);
    return () => clearInterval(asking);
  }, [open]);
  if (refusal && !answer) return html`<${Refused} refusal=${refusal} />`;
  if (!answer?.total) return null;
  return html`<details class="outputs" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>Calls of web hooks (${format.number(answer.total)})</summary>
    <ul aria-label="Calls of web hooks">${answer.deliveries.map((one) => html`<${Delivery} key=${one.id} delivery=${one} onTried=${again} />`)}</ul>
    ${answer.total > wanted && wanted < 200 && html`<button onClick=${() => setWanted(Math.min(wanted + PAGE, 200))}>Show more calls</button>`}
  </details>`;
}

function Delivery({ delivery, onTried }) {
  const { id, type, url, state, attempts, error, created_at, next_try_at } = delivery;
  const [kind, words] = STATES[state];
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    setBusy(true);
    try {
      await post(`/api/webhooks/deliveries/${id}/retry`);
    } catch (refusal) {
      say(`${refusal.message}. ${refusal.advice}`, "bad");
    }
    setBusy(false);
    onTried();
  };
  const tried = state !== "delivered" && attempts > 0;
  return html`<li>
    <div class="line"><strong>${type}</strong> <${Badge} kind=${kind}>${words}<//>
      <span class="soft figures">${[format.clock(created_at), attempts > 0 && format.plural(attempts, "attempt")].filter(Boolean).join(" · ")}</span><span class="end" />
      ${(state === "failed" || tried) && html`<button class="plain" disabled=${busy} onClick=${retry} aria-label=${`Try ${type} to ${url} again`}>Try again</button>`}
    </div>
    <p class="mono soft truncate">${url}</p>
    ${error && state !== "delivered" && html`<p class="soft">${error}${next_try_at && ` Next try at ${format.clock(next_try_at)}.`}</p>`}
  </li>`;
}
