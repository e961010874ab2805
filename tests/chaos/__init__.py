"""Recordings under faults at random; what ./scripts/chaos runs, and a minute of it the tests.

`schedule` says what happens when, `verdict` whether the files are as good as they have to be: both
are pure. `world` is what is real, `faults` does harm to it, `findings` looks at what is left.
"""
