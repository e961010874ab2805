/** Asks for the API key, once. */

import { html, useState } from "../vendor/preact.js";
import { askHealth } from "./actions.js";
import { openSession } from "./api.js";
import { follow } from "./events.js";
import { Refused } from "./parts.js";
import { set } from "./store.js";

export function SignIn() {
  const [key, setKey] = useState("");
  const [refusal, setRefusal] = useState(null);
  const open = async (event) => {
    event.preventDefault();
    try {
      await openSession(key);
      set({ locked: false });
      follow();
      askHealth();
    } catch (reason) {
      setRefusal(reason);
    }
  };
  return html`<div class="sign-in"><form class="card" onSubmit=${open}>
    <div><h1 tabindex="-1">This server requires an API key</h1>
      <p class="soft">It is the value of <code>ORCHESTRATOR_API_KEY</code>. This browser will not ask again for 30 days.</p></div>
    <label class="field"><span>API key</span>
      <input type="password" autocomplete="current-password" required autofocus value=${key} onInput=${(e) => setKey(e.target.value)} /></label>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    <button class="primary">Open the dashboard</button>
  </form></div>`;
}
