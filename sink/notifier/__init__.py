"""Tells people and programs what happens: websocket rooms, HTTP and the live page."""
