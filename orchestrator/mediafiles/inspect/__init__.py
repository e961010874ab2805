"""What is in a media file, measured: streams, frame times, gaps, silence, still frames.

`read.inspect` reads a file once and gives a `report.Inspection`; `findings.findings` says it in
words. What counts (`statistics`, `still_frames`, `audio_levels`) is pure and of bounded memory.
"""
