"""Streams that ffmpeg reads from an address: RTMP, SRT, RTSP, files."""
