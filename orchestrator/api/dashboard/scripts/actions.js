/** The actions of users. Errors of the server stay beside the action, with their advice. */

import * as api from "./api.js";
import { startFields } from "./start_outputs.js";
import { now, put, say, set } from "./store.js";
import { title } from "./format.js";

export async function start(stream) {
  const { mint_id } = stream;
  const { format, quality, pipeline, copies, tracks } = now().options;
  put("refusals", mint_id, undefined);
  put("starting", mint_id, true);
  try {
    const { notes } = await api.post("/api/recording/start", {
      mint_id,
      output_format: format,
      ...(copies ? tracks === "all" && { tracks } : { video_quality: quality }),
      ...(pipeline && { pipeline }),
      ...startFields(now().beside),
    });
    say([`Recording ${title(stream, mint_id)}`, ...notes].join(". "));
  } catch (refusal) {
    put("refusals", mint_id, refusal);
  }
  put("starting", mint_id, undefined);
}

/** Pauses a recording, or has it go on. */
export async function pause(recording, paused) {
  const { mint_id, stream_info } = recording;
  put("pausing", mint_id, true);
  try {
    await api.post(`/api/recording/${paused ? "pause" : "resume"}`, { mint_id });
    say(`${title(stream_info, mint_id)} ${paused ? "is paused" : "goes on"}`);
  } catch (refusal) {
    say(`${refusal.message}. ${refusal.advice}`, "bad");
  }
  put("pausing", mint_id, undefined);
}

export async function stop(recording) {
  const { mint_id, stream_info } = recording;
  put("stopping", mint_id, true);
  try {
    const ended = await api.post("/api/recording/stop", { mint_id });
    const how = ended.state === "aborted" ? "was stopped before its first frame" : "is saved";
    say(`${title(stream_info, mint_id)} ${how}`);
  } catch (refusal) {
    say(`${refusal.message}. ${refusal.advice}`, "bad");
  }
  put("stopping", mint_id, undefined);
}

/** True if it was deleted. */
export async function erase(recording) {
  try {
    await api.remove(`/api/recordings/${recording.id}`);
    set({ historyVersion: now().historyVersion + 1 });
    say(`${title(recording.stream_info, recording.mint_id)} was deleted`);
    return true;
  } catch (refusal) {
    say(`${refusal.message}. ${refusal.advice}`, "bad");
    return false;
  }
}

/** The refusal, or nothing. */
export async function addOutput(recordingId, output) {
  try {
    const row = await api.post(`/api/recordings/${recordingId}/outputs`, output);
    put("outputs", row.id, row);
  } catch (refusal) {
    return refusal;
  }
}

export async function removeOutput(output, name) {
  await changeOutput(() => api.remove(`/api/recordings/${output.recording_id}/outputs/${output.id}`));
  say(`${name} is ended`);
}

export const retryOutput = (output) =>
  changeOutput(() => api.post(`/api/recordings/${output.recording_id}/outputs/${output.id}/retry`));

async function changeOutput(ask) {
  try {
    const row = await ask();
    put("outputs", row.id, row);
  } catch (refusal) {
    say(`${refusal.message}. ${refusal.advice}`, "bad");
  }
}

export async function encodeAgain(recording, title) {
  try {
    const row = await api.post(`/api/recordings/${recording.id}/encode`, { replace: false });
    put("encodes", recording.id, row);
    say(`${title} is encoded again when there is time`);
  } catch (refusal) {
    say(`${refusal.message}. ${refusal.advice}`, "bad");
  }
}

export async function cancelEncode(encode, title) {
  try {
    const { state } = await api.remove(`/api/encodes/${encode.id}`);
    say(state === "completed" ? `${title} was encoded already` : `${title} is not encoded again`);
  } catch (refusal) {
    say(`${refusal.message}. ${refusal.advice}`, "bad");
  }
}

/** Pauses the queue of all encodes, or has it go on. */
export async function pauseEncodes(paused) {
  try {
    const { paused: reason } = await api.put("/api/encodes/queue", { paused });
    set({ encodesPaused: reason });
    if (!paused && reason === "battery") say("Encoding goes on when the machine is plugged in");
  } catch (refusal) {
    say(`${refusal.message}. ${refusal.advice}`, "bad");
  }
}

const HEALTH_MS = 10_000;

/** Loads the health of the server and the capacity for recordings. */
export async function askHealth() {
  const [health, capacity] = await Promise.allSettled([api.getAnyway("/api/health"), api.get("/api/capacity")]);
  set({ health: health.value ?? null, capacity: capacity.value ?? null });
}

/** Repeats that regularly while the page is visible. */
export async function watchHealth() {
  if (!document.hidden && !now().locked) await askHealth();
  setTimeout(watchHealth, HEALTH_MS);
}
