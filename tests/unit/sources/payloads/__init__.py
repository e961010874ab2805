"""RTP payloads, codec by codec."""
