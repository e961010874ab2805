"""HLS of a recording: pieces of its segments, and playlists of them (RFC 8216)."""
