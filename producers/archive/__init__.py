"""Recordings as MCAP files: what is in them, written and read."""
