"""How a stream is received: LiveKit rooms and WHEP resources, over one aiortc connection."""
