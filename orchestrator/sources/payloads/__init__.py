"""What RTP payloads hold, codec by codec: without aiortc, and without decoding. Pure."""
