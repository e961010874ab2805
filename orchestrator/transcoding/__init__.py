"""Encodes a finished file again, slowly and small, when there is time ("encode later").

`request` says what is asked for, `transcode` does it, `result` tells what came of it.
"""
