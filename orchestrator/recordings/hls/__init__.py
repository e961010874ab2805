"""HLS of a recording as the catalog and its files have it: segments, pieces, playlists."""
