"""Images of a recording and the sprite of its time line, from keyframes of its segments.

Read `output` for the order of things, `keyframes` for where frames come from.
"""
