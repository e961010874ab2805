/** What this browser can play, and what it can't, in words. */

const NAMES = [
  [/^(av0?1|libaom-av1|libsvtav1|av1_)/, "AV1"], [/^(avc|h264|libx264)/, "H.264"], [/^(hvc1|hev1|hevc|h265|libx265)/, "H.265"],
  [/^(vp0?9|libvpx-vp9)/, "VP9"], [/^(vp0?8|libvpx$)/, "VP8"], [/^(mp4a|aac)/, "AAC"],
  [/^(opus|libopus)/i, "Opus"], [/^flac/i, "FLAC"], [/^(mp3|mp4a\.6b|libmp3lame)/, "MP3"],
];

/** The name that people know a codec by, of its name in a playlist or in ffmpeg. */
export const codecName = (codec) => NAMES.find(([known]) => known.test(codec))?.[1] ?? codec;

const AUDIO = /^(mp4a|opus|flac|ac-3|ec-3)/i;

const mediaSource = () => globalThis.ManagedMediaSource ?? globalThis.MediaSource;

/** The codecs of a master playlist (RFC 8216 §4.3.4.2), each once. */
export function codecsOf(master) {
  const found = [...master.matchAll(/CODECS="([^"]*)"/g)].flatMap(([, list]) => list.split(","));
  return [...new Set(found.map((codec) => codec.trim()).filter(Boolean))];
}

/** The codecs of these that this browser can't play in fragmented MP4. */
export const unplayable = (codecs) =>
  codecs.filter((codec) => !mediaSource()?.isTypeSupported(`${AUDIO.test(codec) ? "audio" : "video"}/mp4; codecs="${codec}"`));

/** "H.265 and Opus": codecs by name. */
export function inWords(codecs) {
  const names = [...new Set(codecs.map(codecName))];
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
