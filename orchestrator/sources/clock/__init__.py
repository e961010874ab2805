"""RTP time and sender reports to the time of this machine."""
