"""Pieces for HLS at a target, while their recording runs and afterwards."""
