"""What is in a media file, measured: streams, frame times, gaps, silence, still pictures.

`read.inspect` reads a file once and gives a `report.Inspection`; `findings.findings` says it in
words. What counts (`statistics`, `pictures`, `sound`) is pure and of bounded memory.
"""
