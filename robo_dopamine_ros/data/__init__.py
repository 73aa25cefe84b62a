"""Recorded episodes: episode folders in and out, playback, plots."""
