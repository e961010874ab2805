"""Haven Recorder: records live WebRTC streams, and says at every moment what it does and why."""

from typing import Final

__version__: Final = "0.1.0"
