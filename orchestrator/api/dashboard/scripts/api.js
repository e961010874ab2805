/** Calls to the recorder's HTTP API. The browser adds the session's cookie by itself. */

/** What the server refused, in its own words: what happened, and what to do about it. */
export class Refusal extends Error {
  constructor(status, { error, detail = "", code = "" }) {
    super(error);
    this.status = status;
    this.code = code;
    // `detail` repeats what happened before the advice.
    this.advice = detail.startsWith(error) ? detail.slice(error.length).replace(/^[.\s]+/, "") : detail;
  }
}

const SILENT = {
  error: "The recorder doesn't answer",
  detail: "Recordings go on without the server. Start it again, or look at its log.",
  code: "silent",
};

async function answer(method, path, options) {
  let response;
  try {
    response = await fetch(path, { method, ...options });
  } catch {
    throw new Refusal(0, SILENT);
  }
  return response;
}

async function body(response) {
  try {
    return await response.json();
  } catch {
    throw new Refusal(response.status, { error: `The server answered ${response.status} without words` });
  }
}

async function told(response) {
  const said = await body(response);
  if (!response.ok) throw new Refusal(response.status, said);
  return said;
}

export const get = async (path) => told(await answer("GET", path));

/** What is told whatever the status: /api/health answers 503 with all its checks. */
export async function getAnyway(path) {
  const response = await answer("GET", path);
  if (response.status === 401) throw new Refusal(401, await body(response));
  return body(response);
}

export const post = async (path, data, headers = {}) =>
  told(await answer("POST", path, {
    headers: { "Content-Type": "application/json", ...headers },
    body: data === undefined ? undefined : JSON.stringify(data),
  }));

export const remove = async (path) => told(await answer("DELETE", path));

/** A picture as a local address, which the caller revokes; null when there is none now. */
export async function picture(path) {
  try {
    const response = await fetch(path);
    return response.ok ? URL.createObjectURL(await response.blob()) : null;
  } catch {
    return null;
  }
}

/** Shows the key once; the answer's cookie stands for it from then on. */
export const openSession = (key) => post("/api/session", undefined, { "X-API-Key": key });
