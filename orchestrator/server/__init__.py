"""The control plane of recordings: what is wanted, who does it, what a crash left behind."""
