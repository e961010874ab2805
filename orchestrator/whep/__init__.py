"""WHEP and what its servers say, without a media connection (draft-ietf-wish-whep)."""
