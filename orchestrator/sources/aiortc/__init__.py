"""What knows aiortc: the peer connection, packets, jitter buffers, decoders. Nothing else does."""
