"""Pixels to poses."""
