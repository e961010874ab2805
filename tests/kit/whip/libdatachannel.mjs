// Publishes by WHIP with libdatachannel, in the order and with the handlers that OBS uses it with.
//   node libdatachannel.mjs MODULE URL KEY MEDIA
// MODULE: the folder of node-datachannel. MEDIA: a line of JSON for each encoded frame,
// {"kind": "video" | "audio", "at": seconds, "data": base64}, H.264 as Annex B and Opus.
// Prints `connected MS` and, at the end of its input or of its standard input, `left STATUS`.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [module, url, key, media] = process.argv.slice(2);
const rtc = createRequire(import.meta.url)(module);
const frames = readFileSync(media, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
const began = performance.now();

const peer = new rtc.PeerConnection("obs", { iceServers: [], disableAutoNegotiation: true });

function track(description, ssrc, type, rate, packetizer) {
    const config = new rtc.RtpPacketizationConfig(ssrc, "cname", type, rate);
    description.addSSRC(ssrc, "cname", "stream", `stream-${type}`);
    const added = peer.addTrack(description);
    const handler = packetizer(config);
    handler.addToChain(new rtc.RtcpSrReporter(config));
    handler.addToChain(new rtc.RtcpNackResponder());
    added.setMediaHandler(handler);
    const opened = new Promise((resolve) => added.onOpen(resolve));
    return { config, rate, first: config.timestamp, track: added, opened };
}

const microphone = new rtc.Audio("0", "SendOnly");
microphone.addOpusCodec(111);
const camera = new rtc.Video("1", "SendOnly");
camera.addH264Codec(96);
const tracks = {
    audio: track(microphone, 11, 111, 48000, (config) => new rtc.RtpPacketizer(config)),
    video: track(camera, 22, 96, 90000, (config) => new rtc.H264RtpPacketizer("StartSequence", config)),
};

const gathered = new Promise((resolve) => {
    peer.onGatheringStateChange((state) => state === "complete" && resolve());
});
const connected = new Promise((resolve, reject) => {
    peer.onStateChange((state) => {
        if (state === "connected") resolve();
        if (state === "failed") reject(new Error(state));
    });
});
peer.setLocalDescription("offer");
await gathered;
const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/sdp" };
const answer = await fetch(url, { method: "POST", headers, body: peer.localDescription().sdp });
if (answer.status !== 201) {
    console.log(`refused ${answer.status} ${await answer.text()}`);
    process.exit(1);
}
peer.setRemoteDescription(await answer.text(), "answer");
await Promise.all([connected, tracks.audio.opened, tracks.video.opened]);
console.log(`connected ${Math.round(performance.now() - began)}`);

let leaving = false;
process.stdin.resume().on("end", () => (leaving = true));
const start = performance.now();
for (const frame of frames) {
    const wait = start + 1000 * frame.at - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (leaving) break;
    const to = tracks[frame.kind];
    to.config.timestamp = (to.first + Math.round(frame.at * to.rate)) >>> 0;
    to.track.sendMessageBinary(Buffer.from(frame.data, "base64"));
}
const left = await fetch(new URL(answer.headers.get("location"), url), { method: "DELETE", headers });
console.log(`left ${left.status}`);
peer.close();
rtc.cleanup();
process.exit(0);
