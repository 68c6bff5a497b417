"""Frames to pose events: the one consume loop and its brokers."""
