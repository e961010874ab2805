/** Calls to the recorder's HTTP API. The browser adds the session cookie. */

/** The prefix of the API's paths: behind a proxy the page can be below another path. */
const BASE = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** The address of an API path for this browser. */
export const addressOf = (path) => `${BASE}${path}`;

/** An error of the server: what happened, and what to do about it. */
export class Refusal extends Error {
  constructor(status, { error, detail = "", code = "" }) {
    super(error);
    this.status = status;
    this.code = code;
    // `detail` repeats `error` before the advice.
    this.advice = detail.startsWith(error) ? detail.slice(error.length).replace(/^[.\s]+/, "") : detail;
  }
}

const NO_RESPONSE = {
  error: "The recorder does not respond",
  detail: "Recordings continue without the server. Restart it, or check its log.",
  code: "silent",
};

async function answer(method, path, options) {
  let response;
  try {
    response = await fetch(addressOf(path), { method, ...options });
  } catch {
    throw new Refusal(0, NO_RESPONSE);
  }
  return response;
}

async function body(response) {
  try {
    return await response.json();
  } catch {
    throw new Refusal(response.status, { error: `The server responded with status ${response.status} and no details` });
  }
}

async function successful(response) {
  const content = await body(response);
  if (!response.ok) throw new Refusal(response.status, content);
  return content;
}

export const get = async (path) => successful(await answer("GET", path));

/** The body, whatever the status: /api/health returns 503 with all its checks. */
export async function getAnyway(path) {
  const response = await answer("GET", path);
  if (response.status === 401) throw new Refusal(401, await body(response));
  return body(response);
}

export const post = (path, data, headers) => send("POST", path, data, headers);

export const put = (path, data) => send("PUT", path, data);

const send = async (method, path, data, headers = {}) =>
  successful(await answer(method, path, {
    headers: { "Content-Type": "application/json", ...headers },
    body: data === undefined ? undefined : JSON.stringify(data),
  }));

export const remove = async (path) => successful(await answer("DELETE", path));

/** An image as a local address, which the caller revokes; null if there is none now. */
export async function imageUrl(path) {
  try {
    const response = await fetch(addressOf(path));
    return response.ok ? URL.createObjectURL(await response.blob()) : null;
  } catch {
    return null;
  }
}

/** Sends the key once; the cookie in the response replaces it from then on. */
export const openSession = (key) => post("/api/session", undefined, { "X-API-Key": key });

/** Ends the session on the server, which invalidates all copies of its cookie. */
export const closeSession = () => remove("/api/session");
